/// How well predicted changes agree with the actual ones.
///
/// Each figure is nil where it is not defined: a correlation needs two pairs and neither side
/// constant, the slope a prediction that is not zero, and all of them finite numbers.
public struct Correlation: Sendable, Equatable {
  /// The number of pairs.
  public let count: Int
  /// The least-squares slope of actual on predicted through the origin, Σ p a / Σ p².
  ///
  /// 1 says that predictions have the right size, 0.5 that outcomes are half as large as predicted.
  /// The line goes through the origin because a prediction of no change claims that nothing changes:
  /// an offset would forgive what is common to all outcomes.
  public let slope: Double?
  /// Pearson's correlation: how near the pairs lie to a line, whatever its slope.
  public let pearson: Double?
  /// Spearman's correlation: whether larger predictions have larger outcomes.
  public let spearman: Double?

  /// Compares predicted with actual values, pair by pair.
  public init(predicted: [Double], actual: [Double]) {
    count = predicted.count
    slope = Self.slope(of: actual, on: predicted)
    pearson = Self.pearson(predicted, actual)
    spearman = Self.spearman(predicted, actual)
  }

  /// Pearson's product-moment correlation, in [−1, 1].
  public static func pearson(_ x: [Double], _ y: [Double]) -> Double? {
    guard isDefined(x, y), !x.isConstant, !y.isConstant else { return nil }
    let (a, b) = (x.deviations, y.deviations)
    let norms = (product(a, a) * product(b, b)).squareRoot()
    // Numbers that differ by less than their mean can tell have no deviations.
    return norms > 0 ? max(-1, min(1, product(a, b) / norms)) : nil
  }

  /// Spearman's rank correlation, in [−1, 1]: Pearson's of the ranks, where equal numbers share the
  /// mean of their ranks.
  ///
  /// - Complexity: O(N log N).
  public static func spearman(_ x: [Double], _ y: [Double]) -> Double? {
    guard isDefined(x, y) else { return nil }
    return pearson(x.averageRanks, y.averageRanks)
  }

  /// The b that makes Σ (y − b x)² least.
  public static func slope(of y: [Double], on x: [Double]) -> Double? {
    guard isDefined(x, y) else { return nil }
    let ((a, xUnit), (b, yUnit)) = (x.scaledToUnit, y.scaledToUnit)
    let square = product(a, a)
    return square > 0 ? product(a, b) / square * (yUnit / xUnit) : nil
  }

  private static func isDefined(_ x: [Double], _ y: [Double]) -> Bool {
    precondition(x.count == y.count, "pairs of \(x.count) and \(y.count) numbers")
    return x.allSatisfy(\.isFinite) && y.allSatisfy(\.isFinite)
  }

  private static func product(_ x: [Double], _ y: [Double]) -> Double {
    zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
  }
}

extension [Double] {
  /// The differences from the mean, up to a common factor.
  fileprivate var deviations: [Double] {
    let (scaled, _) = scaledToUnit
    let mean = scaled.reduce(0, +) / Double(count)
    return scaled.map { $0 - mean }.scaledToUnit.scaled
  }
}
