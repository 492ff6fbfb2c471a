/// A difference of two expectations, estimated from two independent samples.
public struct EstimatedDifference: Sendable, Equatable {
  /// The difference of the samples' means.
  public let value: Double
  /// Where the difference of the expectations lies with a chance of 95 %.
  ///
  /// Each interval is for itself: of a hundred items, about five have their truth outside.
  public let interval: ClosedRange<Double>

  /// The length of the interval.
  public var width: Double { interval.upperBound - interval.lowerBound }

  /// The chance with which an interval holds the truth.
  public static let confidence = 0.95
  /// The standard normal quantile of 0.975.
  static let quantile = 1.959963984540054

  /// A difference from its parts.
  public init(value: Double, interval: ClosedRange<Double>) {
    self.value = value
    self.interval = interval
  }

  /// The difference of two proportions, with Newcombe's hybrid score interval: Wilson's intervals of
  /// both, combined as independent errors are.
  ///
  /// It holds for small samples and proportions near 0 and 1, where the textbook interval has no
  /// width. For numbers between 0 and 1 in place of rights and wrongs it is wider than need be.
  /// Source: R. G. Newcombe, "Interval estimation for the difference between independent
  /// proportions", Statistics in Medicine 17 (1998), method 10.
  ///
  /// - Parameters:
  ///   - first: The sum and the size of the first sample.
  ///   - second: Those of the second sample, which is subtracted.
  /// - Returns: Nil where a sample is empty.
  public init?(
    proportions first: (sum: Double, count: Int), _ second: (sum: Double, count: Int)
  ) {
    guard first.count > 0, second.count > 0 else { return nil }
    let (p, q) = (Wilson(first), Wilson(second))
    value = p.mean - q.mean
    func hypotenuse(_ a: Double, _ b: Double) -> Double { (a * a + b * b).squareRoot() }
    let down = hypotenuse(p.mean - p.low, q.high - q.mean)
    let up = hypotenuse(p.high - p.mean, q.mean - q.low)
    interval = max(-1, value - down)...min(1, value + up)
  }

  /// The difference of two means, with Welch's interval: Student's with the degrees of freedom of
  /// Welch and Satterthwaite.
  ///
  /// - Returns: Nil where a sample has fewer than two numbers, which say nothing of their spread, or
  ///   numbers that are not finite.
  package init?(means first: SampleMoments, _ second: SampleMoments) {
    guard let a = first.variance, let b = second.variance else { return nil }
    value = first.mean - second.mean
    let error = (a / Double(first.count) + b / Double(second.count)).squareRoot()
    guard value.isFinite, error.isFinite else { return nil }
    guard error > 0 else {
      interval = value...value
      return
    }
    // The parts that the samples have in the square of the error.
    let part = (a / Double(first.count)).squareRoot() / error
    let (own, other) = (part * part, max(0, 1 - part * part))
    let degrees =
      1 / (own * own / Double(first.count - 1) + other * other / Double(second.count - 1))
    let reach = StudentT.bound(confidence: Self.confidence, degrees: max(1, degrees)) * error
    interval = value - reach...value + reach
  }

  /// Wilson's score interval of a proportion.
  private struct Wilson {
    let mean: Double
    let low: Double
    let high: Double

    init(_ sample: (sum: Double, count: Int)) {
      let n = Double(sample.count)
      let square = quantile * quantile / n
      mean = min(max(sample.sum / n, 0), 1)
      let centre = (mean + square / 2) / (1 + square)
      let half = (mean * (1 - mean) * square + square * square / 4).squareRoot() / (1 + square)
      low = min(centre - half, mean)
      high = max(centre + half, mean)
    }
  }
}

/// Count, mean and squared deviations of numbers that come one by one (Welford 1962).
package struct SampleMoments: Sendable, Equatable {
  package private(set) var count = 0
  package private(set) var mean = 0.0
  private var squares = 0.0

  /// The unbiased variance; nil for fewer than two numbers.
  package var variance: Double? { count > 1 ? squares / Double(count - 1) : nil }

  package init() {}

  package mutating func add(_ value: Double) {
    count += 1
    let before = value - mean
    mean += before / Double(count)
    squares += before * (value - mean)
  }
}
