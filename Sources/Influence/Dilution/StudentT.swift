import RealModule

/// Student's t distribution, for intervals from a few repetitions.
package enum StudentT {
  /// The value that |t| stays below with a probability.
  ///
  /// - Parameters:
  ///   - confidence: The probability, in (0, 1).
  ///   - degrees: ν, from 1.
  /// - Complexity: O(ν).
  package static func bound(confidence: Double, degrees: Int) -> Double {
    precondition(confidence > 0 && confidence < 1 && degrees >= 1, "\(confidence), \(degrees)")
    // The probability grows with the angle θ, where t = √ν tan θ.
    var (low, high) = (0.0, Double.pi / 2)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if probability(angle: middle, degrees: degrees) < confidence {
        low = middle
      } else {
        high = middle
      }
    }
    return Double(degrees).squareRoot() * Double.tan((low + high) / 2)
  }

  /// The probability of |t| < √ν tan θ: a finite sum for whole ν.
  ///
  /// Abramowitz and Stegun 1964, formulas 26.7.3 and 26.7.4.
  private static func probability(angle: Double, degrees: Int) -> Double {
    let (sine, cosine) = (Double.sin(angle), Double.cos(angle))
    let isOdd = degrees % 2 == 1
    var term = isOdd ? cosine : 1.0
    var sum = degrees == 1 ? 0 : term
    for power in stride(from: isOdd ? 3 : 2, to: degrees, by: 2) {
      term *= Double(power - 1) / Double(power) * cosine * cosine
      sum += term
    }
    return isOdd ? 2 / Double.pi * (angle + sine * sum) : sine * sum
  }
}
