import TensorCore
import Training

/// How well sums of scores foretell what retraining on subsets of the items does (LDS).
///
/// For one query it is the Spearman correlation over the M subsets S between what the scores say,
/// Σ τ_i over the items of S, and what the model trained on S alone does. 1 is a perfect ranking of
/// the subsets, and scores that know nothing have mean 0 and standard deviation 1/√(M − 1).
///
/// **Sign.** A positive score supports the output, so a subset with a larger sum must support it
/// better: have the higher logit, margin or log-probability, or the lower loss. Measures of which
/// less is better are therefore turned round before they are compared, and a good method has a
/// positive score for every measure. Lists of removed items count with −Σ τ_i, which differs from
/// the sum over the kept ones by the same constant for all subsets.
///
/// Source: S. M. Park, K. Georgiev, A. Ilyas, G. Leclerc, A. Mądry, "TRAK: attributing model
/// behavior at scale", ICML 2023, definition 2.3.
public struct LinearDatamodelingScore: Sendable, Equatable {
  /// By query, `[Q]`; nil where the sums or the outcomes are all equal or not finite.
  public let queries: [Double?]
  /// Why a query has none, `[Q]`; nil where it has one.
  public let reasons: [EvaluationFigure.Uncounted?]
  /// The mean over the queries that have one.
  public let mean: Double?
  /// Where the mean would lie with other subsets: percentiles over subsets drawn again with
  /// replacement, all queries together because they share the retrained models.
  ///
  /// It holds for these queries; that others might have been chosen is not in it. Drawing subsets
  /// twice makes ties, so with few subsets it lies a little low. Nil where ``mean`` is.
  public let interval: ClosedRange<Double>?
  /// The chance with which ``interval`` is meant to hold the mean.
  public let confidence: Double

  /// Compares scores with retrained models.
  ///
  /// - Parameters:
  ///   - scores: `[Q][N]`, positive where the item supports the output.
  ///   - subsets: M subsets of the N items.
  ///   - actual: `[M][Q]`, the measure of each query by the model retrained on each subset, the mean
  ///     over several seeds where there are.
  ///   - isLowerBetter: Whether a smaller measure supports the output, as for a loss.
  ///   - confidence: The chance with which the interval is meant to hold the mean, in (0, 1).
  ///   - resamples: How often subsets are drawn again for the interval.
  ///   - seed: The seed of those draws.
  /// - Complexity: O(Q M (N + log M + `resamples`)).
  public init(
    scores: [[Double]], subsets: ItemSubsets, actual: [[Double]], isLowerBetter: Bool,
    confidence: Double = 0.95, resamples: Int = 1_000, seed: UInt64 = 0
  ) {
    precondition(
      actual.count == subsets.count, "\(actual.count) outcomes of \(subsets.count) subsets")
    precondition(
      actual.allSatisfy { $0.count == scores.count },
      "not all outcomes have \(scores.count) queries")
    precondition(confidence > 0 && confidence < 1, "a confidence of \(confidence)")
    let pairs = scores.enumerated().map { query, row in
      RankedPairs(
        subsets.sums(of: row), actual.map { isLowerBetter ? -$0[query] : $0[query] })
    }
    let once = [Double](repeating: 1, count: subsets.count)
    let queries = pairs.map { $0?.spearman(times: once) }
    self.queries = queries
    reasons = zip(queries, pairs).map { correlation, pairs in
      correlation == nil ? pairs?.reason ?? .notFinite : nil
    }
    mean = queries.definedMean
    self.confidence = confidence
    let means: [Double] = (0..<(mean == nil ? 0 : resamples)).compactMap { draw in
      let times = Self.times(draw, of: subsets.count, seed: seed)
      return pairs.map { $0?.spearman(times: times) }.definedMean
    }
    interval = means.isEmpty ? nil : Self.middle(confidence, of: means.sorted())
  }

  /// How often each of M subsets comes up when M are drawn with replacement.
  private static func times(_ draw: Int, of subsets: Int, seed: UInt64) -> [Double] {
    var random = RandomStream(
      seed: seed, for: .resampling, position: UInt64(draw) * UInt64(subsets))
    var times = [Double](repeating: 0, count: subsets)
    for _ in 0..<subsets { times[random.nextInteger(below: subsets)] += 1 }
    return times
  }

  /// The range that holds a share of ascending values, as many on either side of it.
  private static func middle(_ share: Double, of values: [Double]) -> ClosedRange<Double> {
    let outside = Int((Double(values.count) * (1 - share) / 2).rounded(.down))
    let side = min(outside, (values.count - 1) / 2)
    return values[side]...values[values.count - 1 - side]
  }
}

extension ItemSubsets {
  /// `[M]`, what the scores of a query say of each subset, up to a constant.
  fileprivate func sums(of scores: [Double]) -> [Double] {
    switch self {
    case .kept(let lists): lists.map { $0.reduce(0) { $0 + scores[$1] } }
    case .removed(let lists): lists.map { $0.reduce(0) { $0 - scores[$1] } }
    }
  }
}

extension [Double?] {
  /// The mean of the numbers that are there.
  fileprivate var definedMean: Double? {
    let defined = compactMap { $0 }
    return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
  }
}

/// Pairs of numbers, ordered once, for many rank correlations of samples of them.
private struct RankedPairs {
  private let x: Levels
  private let y: Levels

  /// Nil where a number is not finite.
  init?(_ x: [Double], _ y: [Double]) {
    guard x.allSatisfy(\.isFinite), y.allSatisfy(\.isFinite) else { return nil }
    self.x = Levels(x)
    self.y = Levels(y)
  }

  /// Why there is no correlation of all pairs; what came out decides before what was said of it.
  var reason: EvaluationFigure.Uncounted {
    y.count < 2 ? .equalOutcomes : .equalScores
  }

  /// Spearman's correlation of a sample that has each pair so many times; nil where one side of the
  /// sample is constant.
  ///
  /// - Complexity: O(M).
  func spearman(times: [Double]) -> Double? {
    let (a, b) = (x.centredRanks(times), y.centredRanks(times))
    var (xx, xy, yy) = (0.0, 0.0, 0.0)
    for pair in times.indices {
      let (p, q) = (a[x.level[pair]], b[y.level[pair]])
      xx += times[pair] * p * p
      xy += times[pair] * p * q
      yy += times[pair] * q * q
    }
    return xx > 0 && yy > 0 ? max(-1, min(1, xy / (xx * yy).squareRoot())) : nil
  }

  /// Numbers as levels: equal numbers are on one level, 0 is the lowest.
  private struct Levels {
    let level: [Int]
    let count: Int

    init(_ values: [Double]) {
      var level = [Int](repeating: 0, count: values.count)
      var (current, previous) = (-1, Double.nan)
      for place in values.indices.sorted(by: { values[$0] < values[$1] }) {
        if values[place] != previous { current += 1 }
        previous = values[place]
        level[place] = current
      }
      self.level = level
      count = current + 1
    }

    /// By level, the average rank in a sample less the mean rank.
    func centredRanks(_ times: [Double]) -> [Double] {
      var sizes = [Double](repeating: 0, count: count)
      var total = 0.0
      for (place, level) in level.enumerated() {
        sizes[level] += times[place]
        total += times[place]
      }
      var below = 0.0
      return sizes.map { size in
        defer { below += size }
        return below + size / 2 - total / 2
      }
    }
  }
}
