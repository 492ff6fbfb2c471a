import RealModule

/// Student's t distribution, for intervals from a few repetitions.
package enum StudentT {
  /// The value that |t| stays below with a probability.
  ///
  /// Newton's method: with t = √ν tan θ the density of θ is c cos^(ν−1) θ, which falls, so that no
  /// step goes too far.
  ///
  /// - Parameters:
  ///   - confidence: The probability, in (0, 1).
  ///   - degrees: ν, from 1; whole or not.
  package static func bound(confidence: Double, degrees: Double) -> Double {
    precondition(confidence > 0 && confidence < 1 && degrees >= 1, "\(confidence), \(degrees)")
    let density =
      2 / Double.pi.squareRoot()
      * Double.exp(.logGamma((degrees + 1) / 2) - .logGamma(degrees / 2))
    var angle = confidence / density
    for _ in 0..<100 {
      let missing = confidence - probability(angle: angle, degrees: degrees)
      let step = missing / (density * Double.pow(.cos(angle), degrees - 1))
      guard step > 1e-15 * angle else { break }
      angle += step
    }
    return degrees.squareRoot() * Double.tan(angle)
  }

  /// The probability of |t| < √ν tan θ: the regularised incomplete beta function of sin² θ with the
  /// parameters ½ and ν/2.
  private static func probability(angle: Double, degrees: Double) -> Double {
    let (sine, cosine) = (Double.sin(angle), Double.cos(angle))
    let (x, a, b) = (sine * sine, 0.5, degrees / 2)
    // The fraction converges quickly on this side only.
    return x < (a + 1) / (a + b + 2)
      ? incompleteBeta(x, cosine * cosine, a, b) : 1 - incompleteBeta(cosine * cosine, x, b, a)
  }

  /// The regularised incomplete beta function I_x(a, b), where y is 1 − x.
  ///
  /// The continued fraction of Abramowitz and Stegun 1964, formula 26.5.8, from the front (Lentz).
  private static func incompleteBeta(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Double {
    guard x > 0 else { return 0 }
    let beta = Double.logGamma(a) + .logGamma(b) - .logGamma(a + b)
    let front = Double.exp(a * .log(x) + b * .log(y) - beta) / a
    var (value, c, d) = (1.0, Double.infinity, 1.0)
    for step in 1..<10_000 {
      let m = Double(step / 2)
      let part =
        step % 2 == 0
        ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / (1 + part * d)
      c = 1 + part / c
      value *= c * d
      if abs(c * d - 1) < 1e-16 { break }
    }
    return front * value
  }
}
