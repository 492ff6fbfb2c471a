import TensorCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The skew-normal distribution: a normal one that leans to a side.
///
/// Its density at x is 2/ω φ(z) Φ(αz) with z = (x − ξ)/ω. Source: A. Azzalini, "A class of
/// distributions which includes the normal ones", Scandinavian Journal of Statistics 12 (1985).
public struct SkewNormal: Sendable, Equatable {
  /// ξ.
  public let location: Double
  /// ω, above 0.
  public let scale: Double
  /// α: above 0 the upper tail is the long one, 0 is the normal distribution.
  public let shape: Double

  /// A distribution of these parameters.
  public init(location: Double, scale: Double, shape: Double) {
    precondition(scale > 0, "a scale of \(scale)")
    self.location = location
    self.scale = scale
    self.shape = shape
  }

  /// The natural logarithm of the density.
  public func logDensity(_ x: Double) -> Double {
    logStandardDensity((x - location) / scale) - log(scale)
  }

  private func logStandardDensity(_ z: Double) -> Double {
    log(2) - z * z / 2 - Self.halfLogTwoPi + Self.logNormalCumulative(shape * z)
  }

  /// log √(2π).
  private static let halfLogTwoPi = 0.918_938_533_204_672_7

  /// log Φ(x), also where Φ(x) is too small for a number.
  static func logNormalCumulative(_ x: Double) -> Double {
    if x > -30 { return log(erfc(-x / 2.0.squareRoot()) / 2) }
    // Φ(−t) = φ(t)/t · (1 − 1/t² + 3/t⁴ − 15/t⁶ + …), whose terms fall fast this far out.
    let square = 1 / (x * x)
    let series = 1 - square * (1 - 3 * square * (1 - 5 * square * (1 - 7 * square)))
    return -x * x / 2 - Self.halfLogTwoPi - log(-x) + log(series)
  }

  /// The natural logarithm of the chance of a value of at most x, with as good a relative accuracy
  /// far out in the tail as in the middle.
  ///
  /// The density is integrated from x downwards, relative to its largest value there: its logarithm
  /// is concave, so it falls ever faster.
  public func logCumulative(_ x: Double) -> Double {
    precondition(!x.isNaN, "the distribution at no number")
    if x == .infinity { return 0 }
    let z = (x - location) / scale
    // How far down there is anything to integrate.
    var largest = logStandardDensity(z)
    var reach = 1 / (1 + abs(z) * (1 + shape * shape))
    while true {
      let there = logStandardDensity(z - reach)
      largest = max(largest, there)
      if there < largest - 45 { break }
      reach *= 2
    }
    // The rest beyond falls at least as fast, and is below the last digit.
    let width = reach / Double(Self.panels)
    var sum = 0.0
    for panel in 0..<Self.panels {
      for (node, weight) in zip(Self.rule.nodes, Self.rule.weights) {
        let there = z - width * (Double(panel) + node)
        sum += weight * exp(logStandardDensity(there) - largest)
      }
    }
    return min(0, largest + log(sum * width))
  }

  /// Equal parts of the range of integration, and the rule in each.
  private static let panels = 64
  private static let rule = GaussLegendre(12)
}
