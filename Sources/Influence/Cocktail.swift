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
  /// |Σ s| / Σ|s|: 1 where all scores agree in sign, near 0 where they cancel.
  public let cancellation: Double

  /// From the four sums and the largest magnitude.
  init(items: Int, sums: (net: Double, gross: Double, squares: Double, logs: Double), top: Double) {
    self.items = items
    net = sums.net
    gross = sums.gross
    let isEmpty = !(sums.gross > 0)
    effectiveContributors = isEmpty ? 0 : sums.gross * sums.gross / sums.squares
    entropyContributors = isEmpty ? 0 : exp(log(sums.gross) - sums.logs / sums.gross)
    topShare = isEmpty ? 0 : top / sums.gross
    cancellation = isEmpty ? 0 : abs(sums.net) / sums.gross
  }

  /// From the scores of one output.
  public init(_ scores: [Double]) {
    var sums = [Double](repeating: 0, count: 4)
    scores.withUnsafeBufferPointer { scores in
      guard let base = scores.baseAddress else { return }
      Double.addMoments(scores.count, base, to: &sums)
    }
    self.init(
      items: scores.count, sums: (sums[0], sums[1], sums[2], sums[3]),
      top: scores.map(abs).max() ?? 0)
  }
}
