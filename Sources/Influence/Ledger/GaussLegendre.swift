#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The Gauss–Legendre quadrature rule on [0, 1].
///
/// Σ w_k f(x_k) is the integral of f for every polynomial of degree up to 2n − 1. Nodes are the
/// roots of the Legendre polynomial P_n moved from [−1, 1], found by Newton's method.
public struct GaussLegendre: Sendable, Equatable {
  /// Where the integrand is taken, `[n]`, ascending in (0, 1) and symmetric about 1/2.
  public let nodes: [Double]
  /// How much each node counts, `[n]`, positive; they sum to 1.
  public let weights: [Double]

  /// The rule with n nodes.
  ///
  /// - Precondition: `n ≥ 1`.
  /// - Complexity: O(n²).
  public init(_ n: Int) {
    precondition(n >= 1, "a rule of \(n) nodes")
    var nodes = [Double](repeating: 0.5, count: n)
    var weights = [Double](repeating: 0, count: n)
    for k in 0..<(n + 1) / 2 {
      // The roots lie near these places; the one in the middle is 0.
      var x = 2 * k + 1 == n ? 0 : cos(.pi * (Double(k) + 0.75) / (Double(n) + 0.5))
      var (value, slope) = Self.legendre(n, x)
      // It doubles the number of right digits each time; a few rounds end at the last one.
      for _ in 0..<10 where abs(value) > 0 {
        let step = value / slope
        x -= step
        (value, slope) = Self.legendre(n, x)
        if abs(step) < 1e-15 { break }
      }
      nodes[k] = (1 - x) / 2
      nodes[n - 1 - k] = (1 + x) / 2
      // 2 / ((1 − x²) P′²) on [−1, 1].
      weights[k] = 1 / ((1 - x) * (1 + x) * slope * slope)
      weights[n - 1 - k] = weights[k]
    }
    self.nodes = nodes
    self.weights = weights
  }

  /// P_n and its derivative at an x in (−1, 1), by the recursion
  /// (j + 1) P_{j+1} = (2j + 1) x P_j − j P_{j−1}.
  private static func legendre(_ n: Int, _ x: Double) -> (value: Double, slope: Double) {
    var (previous, value) = (1.0, x)
    for j in 1..<max(n, 1) {
      let degree = Double(j)
      let next = ((2 * degree + 1) * x * value - degree * previous) / (degree + 1)
      (previous, value) = (value, next)
    }
    return (value, Double(n) * (previous - x * value) / ((1 - x) * (1 + x)))
  }
}
