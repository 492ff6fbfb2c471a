#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension SkewNormal {
  /// The distribution of the largest likelihood for some numbers.
  ///
  /// Found by a simplex search (Nelder and Mead 1965) from the estimate by moments. For few numbers
  /// the likelihood may grow without bound in the shape; it is kept within ±22.
  ///
  /// - Returns: Nil for fewer than ten numbers, and for numbers that do not differ or are not finite.
  /// - Complexity: O(n), some hundred times.
  public init?(fitting values: [Double]) {
    guard values.count >= 10, values.allSatisfy(\.isFinite) else { return nil }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    guard deviation > abs(mean) * 1e-12, deviation > 0, deviation.isFinite else { return nil }
    let standard = values.map { ($0 - mean) / deviation }
    let skewness = standard.reduce(0) { $0 + $1 * $1 * $1 } / count
    func loss(_ point: [Double]) -> Double {
      let candidate = Self(point)
      return standard.reduce(0) { $0 - candidate.logDensity($1) }
    }
    let start = Self.moments(skewness: skewness)
    let found = SimplexSearch.minimum(of: loss, from: start, step: 0.25)
    let best = Self(found)
    self.init(
      location: mean + deviation * best.location, scale: deviation * best.scale,
      shape: best.shape)
  }

  /// The largest δ = α / √(1 + α²).
  private static let largestDelta = 0.999

  /// From a point of the search: ξ, log ω and the artanh of δ.
  private init(_ point: [Double]) {
    let delta = Self.largestDelta * tanh(point[2])
    self.init(
      location: point[0], scale: exp(min(max(point[1], -30), 30)),
      shape: delta / (1 - delta * delta).squareRoot())
  }

  /// The point of the distribution of mean 0, deviation 1 and a skewness.
  private static func moments(skewness: Double) -> [Double] {
    let power = pow(abs(skewness), 2.0 / 3)
    let size = (.pi / 2 * power / (power + pow((4 - .pi) / 2, 2.0 / 3))).squareRoot()
    let delta = min(size, 0.99) * (skewness < 0 ? -1 : 1)
    let scale = 1 / (1 - 2 * delta * delta / .pi).squareRoot()
    return [
      -scale * delta * (2 / Double.pi).squareRoot(), log(scale), atanh(delta / largestDelta),
    ]
  }
}

/// The simplex search of Nelder and Mead.
enum SimplexSearch {
  /// Where a function of a few numbers is least, near a start.
  ///
  /// - Parameter step: The first moves along each axis.
  static func minimum(
    of function: ([Double]) -> Double, from start: [Double], step: Double
  ) -> [Double] {
    let count = start.count
    var simplex = (0...count).map { corner -> (point: [Double], value: Double) in
      var point = start
      if corner > 0 { point[corner - 1] += step }
      return (point, function(point))
    }
    func between(_ a: [Double], _ b: [Double], _ share: Double) -> [Double] {
      zip(a, b).map { $0 + share * ($1 - $0) }
    }
    for _ in 0..<(200 * count) {
      // Ties keep their order, so that the way is the same on every machine.
      simplex = simplex.enumerated().sorted {
        ($0.element.value, $0.offset) < ($1.element.value, $1.offset)
      }.map(\.element)
      let (best, worst) = (simplex[0], simplex[count])
      if abs(worst.value - best.value) <= 1e-12 * (1 + abs(best.value)) { break }
      let centre = (0..<count).map { axis in
        simplex.prefix(count).reduce(0) { $0 + $1.point[axis] } / Double(count)
      }
      func trial(_ share: Double) -> (point: [Double], value: Double) {
        let point = between(centre, worst.point, share)
        return (point, function(point))
      }
      let reflected = trial(-1)
      if reflected.value < best.value {
        let expanded = trial(-2)
        simplex[count] = expanded.value < reflected.value ? expanded : reflected
      } else if reflected.value < simplex[count - 1].value {
        simplex[count] = reflected
      } else {
        let contracted = trial(reflected.value < worst.value ? -0.5 : 0.5)
        if contracted.value < min(reflected.value, worst.value) {
          simplex[count] = contracted
        } else {
          for corner in 1...count {
            let point = between(best.point, simplex[corner].point, 0.5)
            simplex[corner] = (point, function(point))
          }
        }
      }
    }
    return (simplex.min { $0.value < $1.value } ?? simplex[0]).point
  }
}
