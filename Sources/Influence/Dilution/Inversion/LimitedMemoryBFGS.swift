import TensorCore

/// Minimises a smooth function by quasi-Newton steps that remember the last few changes of the
/// gradient (L-BFGS).
///
/// Sources: D. C. Liu, J. Nocedal, "On the limited memory BFGS method for large scale optimization",
/// 1989, algorithm 2.1; A. S. Lewis, M. L. Overton, "Nonsmooth optimization via quasi-Newton
/// methods", 2013, algorithm 2.6 for the length of a step.
package struct LimitedMemoryBFGS {
  /// The steps that are taken at most.
  package var iterations: Int
  /// The changes that are remembered.
  package var memory = 20
  /// The value below which nothing more is to be won.
  package var target = 0.0

  /// A search of so many steps.
  package init(iterations: Int, target: Double = 0) {
    self.iterations = iterations
    self.target = target
  }

  /// Goes downhill from a point.
  ///
  /// - Parameters:
  ///   - start: `[D]`.
  ///   - evaluate: The value at a point, and its gradient.
  /// - Returns: The best point and its value.
  package func minimise(
    from start: [Double],
    _ evaluate: (_ point: [Double]) throws -> (value: Double, gradient: [Double])
  ) rethrows -> (point: [Double], value: Double) {
    var point = start
    var (value, gradient) = try evaluate(point)
    var changes: [Change] = []
    for _ in 0..<iterations where value > target && value.isFinite {
      var direction = Self.direction(gradient, changes)
      var slope = Self.dot(direction, gradient)
      if !(slope < 0) {
        // What is remembered no longer leads downhill.
        changes = []
        direction = gradient.map(-)
        slope = -Self.dot(gradient, gradient)
      }
      guard slope < 0 else { break }
      let first = changes.isEmpty ? min(1, 1 / (-slope).squareRoot()) : 1
      guard
        let step = try Self.step(point, value, direction, slope, first, evaluate)
      else {
        // A bad memory may be at fault; without one this is the end.
        if changes.isEmpty { break }
        changes = []
        continue
      }
      let change = Change(
        point: zip(step.point, point).map(-), gradient: zip(step.gradient, gradient).map(-))
      (point, value, gradient) = step
      if change.product > 0 { changes.append(change) }
      if changes.count > memory { changes.removeFirst() }
    }
    return (point, value)
  }

  /// A step and what it did to the gradient.
  private struct Change {
    let point: [Double]
    let gradient: [Double]
    let product: Double

    init(point: [Double], gradient: [Double]) {
      self.point = point
      self.gradient = gradient
      product = LimitedMemoryBFGS.dot(point, gradient)
    }
  }

  /// −H g, H being the inverse curvature that the changes tell of.
  private static func direction(_ gradient: [Double], _ changes: [Change]) -> [Double] {
    var direction = gradient.map(-)
    var shares: [Double] = []
    for change in changes.reversed() {
      let share = dot(change.point, direction) / change.product
      add(-share, change.gradient, to: &direction)
      shares.append(share)
    }
    if let last = changes.last {
      let scale = last.product / dot(last.gradient, last.gradient)
      for index in direction.indices { direction[index] *= scale }
    }
    for (change, share) in zip(changes, shares.reversed()) {
      let other = dot(change.gradient, direction) / change.product
      add(share - other, change.point, to: &direction)
    }
    return direction
  }

  private typealias Step = (point: [Double], value: Double, gradient: [Double])

  /// A step that lowers the value enough and turns the slope enough: halved or doubled until it does.
  private static func step(
    _ point: [Double], _ value: Double, _ direction: [Double], _ slope: Double, _ first: Double,
    _ evaluate: ([Double]) throws -> (value: Double, gradient: [Double])
  ) rethrows -> Step? {
    var (low, high, length) = (0.0, Double.infinity, first)
    var best: Step?
    for _ in 0..<30 {
      var next = point
      add(length, direction, to: &next)
      let (found, gradient) = try evaluate(next)
      if !(found <= value + 1e-4 * length * slope) {
        high = length
      } else {
        best = (next, found, gradient)
        if dot(gradient, direction) >= 0.9 * slope { return best }
        low = length
      }
      length = high.isFinite ? (low + high) / 2 : 2 * low
    }
    return best
  }

  private static func dot(_ x: [Double], _ y: [Double]) -> Double {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        guard let a = x.baseAddress, let b = y.baseAddress else { return 0 }
        return Double.dot(x.count, a, b)
      }
    }
  }

  private static func add(_ scale: Double, _ x: [Double], to y: inout [Double]) {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        guard let a = x.baseAddress, let b = y.baseAddress else { return }
        Double.axpy(x.count, scale, a, b)
      }
    }
  }
}
