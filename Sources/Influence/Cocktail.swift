import TensorCore

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// How concentrated one output's scores are.
///
/// It tells whether an item is lost among the others.
///
/// With p_i = |s_i| / Σ|s| over the N items of one output.
public struct Cocktail: Sendable, Equatable {
  /// N, the number of items.
  public let items: Int
  /// Σ s_i, in the unit of the scores.
  public let net: Double
  /// Σ |s_i|, in the unit of the scores.
  public let gross: Double
  /// 1 / Σ p_i²: the number of equal contributors with the same concentration.
  public let effectiveContributors: Double
  /// exp(−Σ p_i log p_i): the same by entropy.
  public let entropyContributors: Double
  /// The largest p_i.
  public let topShare: Double
  /// |Σ s| / Σ|s|: 1 where all scores agree in sign, near 0 where they cancel; what is left of the
  /// gross, not what ``cancelledShare`` says.
  public let cancellation: Double

  /// 1 − |Σ s| / Σ|s|: the share of the gross that supporters and opponents take from each other; 0
  /// where all scores agree in sign, and where all are zero.
  public var cancelledShare: Double { gross > 0 ? max(0, 1 - cancellation) : 0 }

  /// 1/N: the share of each item if all were equal; 0 without items.
  public var equalShare: Double { items > 0 ? 1 / Double(items) : 0 }

  /// From the four sums and the largest magnitude, all of them of scores divided by `unit`.
  init(
    items: Int, sums: (net: Double, gross: Double, squares: Double, logs: Double), top: Double,
    unit: Double = 1
  ) {
    self.items = items
    net = sums.net * unit
    gross = sums.gross * unit
    let isEmpty = !(sums.gross > 0)
    effectiveContributors = isEmpty ? 0 : sums.gross * sums.gross / sums.squares
    entropyContributors = isEmpty ? 0 : exp(log(sums.gross) - sums.logs / sums.gross)
    topShare = isEmpty ? 0 : top / sums.gross
    cancellation = isEmpty ? 0 : abs(sums.net) / sums.gross
  }

  /// From the scores of one output.
  ///
  /// The shares are right for any finite scores, however large or small; `net` and `gross` are
  /// infinite where their sums exceed what a `Double` holds.
  public init(_ scores: [Double]) {
    let (scaled, unit) = scores.scaledToUnit
    self.init(scaled: scaled, unit: unit)
  }

  /// From scores divided by a unit that leaves the largest of them in [1, 2).
  init(scaled scores: [Double], unit: Double) {
    var sums = [Double](repeating: 0, count: 4)
    scores.withUnsafeBufferPointer { scores in
      guard let base = scores.baseAddress else { return }
      Double.addMoments(scores.count, base, to: &sums)
    }
    self.init(
      items: scores.count, sums: (sums[0], sums[1], sums[2], sums[3]),
      top: scores.reduce(0) { max($0, abs($1)) }, unit: unit)
  }
}

extension [Double] {
  /// The numbers divided by the power of two that leaves the largest magnitude in [1, 2), and that
  /// power.
  ///
  /// Squares and sums of what comes out neither overflow nor vanish, and the division is exact but
  /// for what is 2¹⁰²² times smaller than the largest.
  var scaledToUnit: (scaled: [Double], unit: Double) {
    let largest = reduce(0) { Swift.max($0, abs($1)) }
    guard largest > 0, largest.isFinite else { return (self, 1) }
    let unit = largest.binade
    return (map { $0 / unit }, unit)
  }
}
