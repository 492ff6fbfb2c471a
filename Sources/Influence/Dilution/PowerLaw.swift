import RealModule

/// A power law y = c · x^b through what some repetitions measured, with an interval of its exponent.
///
/// The line is fitted by least squares to log ȳ over log x, where ȳ is the mean of the repetitions
/// at a point. All points count alike: weights estimated from a handful of repetitions would be
/// noise themselves. The interval comes from the repetitions alone: each is left out in turn, and the
/// exponents that come out give Student's interval with one degree of freedom less than there are
/// repetitions (the jackknife; Tukey 1958). So points may share their seeds, may differ in how much
/// they vary, and need not lie on a line. It takes repetitions to be independent, and with few of
/// them a little symmetric.
public struct PowerLaw: Sendable, Equatable {
  /// b.
  public let exponent: Double
  /// Where b lies with the chance asked for; nil where there are no repetitions.
  public let interval: ClosedRange<Double>?
  /// c, the value at x = 1.
  public let factor: Double
  /// The part of the variance of log ȳ that the line explains; 1 where the points lie on it.
  public let explained: Double

  /// Why there is no power law.
  public enum Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// Fewer points than a line needs.
    case points(Int)
    /// A mean, of all repetitions or of all but one, that has no logarithm.
    case notPositive(x: Double)

    /// A clause for the person.
    public var description: String {
      switch self {
      case .points(let count): "\(count) values are too few for an exponent"
      case .notPositive(let x):
        "the mean at \(x == x.rounded() ? "\(Int(x))" : "\(x)") is not safely above zero"
      }
    }
  }

  /// Fits a power law.
  ///
  /// - Parameters:
  ///   - x: The points, above zero.
  ///   - repetitions: `[R]` times `[x.count]`, finite.
  ///   - confidence: The chance with which the interval is meant to hold the exponent, in (0, 1).
  /// - Throws: ``Refusal``.
  public init(
    x: [Double], repetitions: [[Double]], confidence: Double = 0.95
  ) throws(Refusal) {
    precondition(x.allSatisfy { $0 > 0 } && repetitions.allSatisfy { $0.count == x.count })
    guard Set(x).count >= 2, let count = repetitions.isEmpty ? nil : repetitions.count else {
      throw .points(Set(x).count)
    }
    let sums = x.indices.map { point in repetitions.reduce(0) { $0 + $1[point] } }
    let line = try Line(x, sums.map { $0 / Double(count) })
    exponent = line.slope
    factor = Double.exp(line.offset)
    explained = line.explained
    guard count > 1 else {
      interval = nil
      return
    }
    var without: [Double] = []
    for repetition in repetitions {
      let means = zip(sums, repetition).map { ($0 - $1) / Double(count - 1) }
      without.append(try Line(x, means).slope)
    }
    let mean = without.reduce(0, +) / Double(count)
    let squares = without.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let error = (squares * Double(count - 1) / Double(count)).squareRoot()
    let reach = StudentT.bound(confidence: confidence, degrees: Double(count - 1)) * error
    interval = reach.isFinite ? line.slope - reach...line.slope + reach : nil
  }

  /// The least-squares line through logarithms.
  private struct Line {
    let slope: Double
    let offset: Double
    let explained: Double

    init(_ x: [Double], _ y: [Double]) throws(Refusal) {
      if let bad = y.firstIndex(where: { !($0 > 0) }) { throw .notPositive(x: x[bad]) }
      let (u, v) = (x.map { Double.log($0) }, y.map { Double.log($0) })
      let count = Double(x.count)
      let (uMean, vMean) = (u.reduce(0, +) / count, v.reduce(0, +) / count)
      let uu = u.reduce(0) { $0 + ($1 - uMean) * ($1 - uMean) }
      let vv = v.reduce(0) { $0 + ($1 - vMean) * ($1 - vMean) }
      let uv = zip(u, v).reduce(0) { $0 + ($1.0 - uMean) * ($1.1 - vMean) }
      slope = uv / uu
      offset = vMean - slope * uMean
      explained = vv > 0 ? uv * uv / (uu * vv) : 1
    }
  }
}
