/// How well scores put some items in front of the others: the area under the curve of those found
/// over those passed by (ROC).
///
/// It is the chance that a random item that is looked for scores higher than a random other one,
/// equal scores counting half: 1 where all that is looked for comes first, 0.5 for scores that know
/// nothing.
public struct RankingArea: Sendable, Equatable {
  /// The area, in 0 … 1.
  public let value: Double
  /// Where it would lie with other items of the same kinds, in 95 % of the cases.
  ///
  /// Source: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or
  /// more correlated receiver operating characteristic curves", Biometrics 44 (1988).
  public let interval: ClosedRange<Double>

  /// Judges the scores of N items.
  ///
  /// - Parameters:
  ///   - scores: `[N]`, higher for what is looked for.
  ///   - wanted: `[N]`, whether an item is looked for.
  /// - Returns: Nil where nothing is looked for, or everything, or a score is not a number.
  /// - Complexity: O(N log N).
  public init?(scores: [Double], wanted: [Bool]) {
    precondition(scores.count == wanted.count, "\(scores.count) scores of \(wanted.count) items")
    let places = (
      wanted: wanted.indices.filter { wanted[$0] }, others: wanted.indices.filter { !wanted[$0] }
    )
    guard !places.wanted.isEmpty, !places.others.isEmpty, !scores.contains(where: \.isNaN) else {
      return nil
    }
    let ranks = scores.averageRanks
    /// For each item of a group, how many of the other group it stands before.
    func passed(_ group: [Int]) -> [Double] {
      zip(group, group.map { scores[$0] }.averageRanks).map { ranks[$0] - $1 }
    }
    let (a, b) = (Double(places.wanted.count), Double(places.others.count))
    let first = passed(places.wanted).map { $0 / b }
    let second = passed(places.others).map { 1 - $0 / a }
    value = first.reduce(0, +) / a
    var moments = (SampleMoments(), SampleMoments())
    for share in first { moments.0.add(share) }
    for share in second { moments.1.add(share) }
    let variance = (moments.0.variance ?? 0) / a + (moments.1.variance ?? 0) / b
    let half = EstimatedDifference.quantile * variance.squareRoot()
    interval = max(0, min(value - half, value))...min(1, max(value + half, value))
  }
}
