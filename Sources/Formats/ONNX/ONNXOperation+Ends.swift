import Autodiff
import TensorCore

/// Functions where their derivatives end or jump: each has the one that PyTorch gives it there.
extension ONNXOperation {
  /// √x of a sum of squares, of which the derivative at 0 is taken as 0: that of a norm.
  mutating func norm(ofSquare x: NodeID) -> NodeID {
    let isZero = graph.binary(.equal, x, graph.constant(0))
    return graph.mask(x, graph.unary(.sqrt, graph.add(x, isZero)))
  }

  /// Whether a value is a sum of squares along axes, perhaps times a constant: a squared norm or a
  /// variance.
  func sumsSquares(_ x: NodeID) -> Bool {
    var (id, isSum) = (x, false)
    while true {
      let node = graph[id]
      switch node.primitive {
      case is Sum: isSum = true
      case is Reshape, is Transpose, is Broadcast: break
      case let affine as Affine where affine.offset == 0: break
      case let unary as Unary where unary.function == .square: return isSum
      case let binary as Binary:
        let (a, b) = (node.operands[0], node.operands[1])
        guard binary.function == .multiply || binary.function == .divide else { return false }
        if binary.function == .multiply, a == b { return isSum }
        if isKnown(b) {
          id = a
          continue
        }
        guard binary.function == .multiply, isKnown(a) else { return false }
        id = b
        continue
      default: return false
      }
      id = node.operands[0]
    }
  }

  /// Whether a value depends on neither the data nor the weights.
  private func isKnown(_ x: NodeID) -> Bool {
    graph.leaves(of: x).allSatisfy { !(graph[$0].primitive is Input) }
  }

  /// The larger or smaller of two, of which equal ones share the derivative; where one is a known
  /// bound (`clamp`), the other has all of it.
  mutating func extreme(
    _ function: BinaryFunction, _ a: NodeID, _ b: NodeID
  ) throws(FormatError) -> NodeID {
    let sharesAlways =
      node.trace.target.contains("aten.max") || node.trace.target.contains("aten.min")
    if isKnown(a), !sharesAlways { return try binary(function, b, a) }
    if isKnown(b), !sharesAlways { return try binary(function, a, b) }
    let isTie = try binary(.equal, a, b)
    let half = graph.affine(try add(a, b), scale: 0.5, offset: 0)
    return try select(isTie, half, try binary(function, a, b))
  }

  /// The largest elements over axes counted from the front, which stay with extent one.
  ///
  /// Equal ones share the derivative; the first has all of it where the module asked for places too.
  mutating func extreme(
    _ x: NodeID, axes: [Int], ofNone least: Double
  ) throws(FormatError) -> NodeID {
    let largest = try largest(x, axes: axes, ofNone: least)
    let isOfPlaces = node.trace.target.hasSuffix(".dim")
    guard !folds, !isOfPlaces, !axes.isEmpty, graph.shape(x).count > 0 else { return largest }
    let isLargest = try binary(.equal, x, largest)
    let count = sum(isLargest, axes: axes, keepsAxes: true)
    // 0 with the derivative of each of the largest; what is infinite less itself is no number.
    let isFinite = try binary(.equal, try subtract(x, x), graph.constant(0))
    let moves = graph.mask(
      try multiply(isLargest, isFinite), try subtract(x, graph.detach(largest)))
    return try add(
      graph.detach(largest), try divide(sum(moves, axes: axes, keepsAxes: true), count))
  }

  /// x between two bounds; where `excludesBounds`, the derivative is 0 at the bounds themselves.
  mutating func clipped(
    _ x: NodeID, _ least: NodeID?, _ most: NodeID?, excludesBounds: Bool
  ) throws(FormatError) -> NodeID {
    var result = excludesBounds ? graph.detach(x) : x
    if let least { result = try binary(.maximum, result, least) }
    if let most { result = try binary(.minimum, result, most) }
    guard excludesBounds else { return result }
    var inside: NodeID?
    if let least { inside = try binary(.less, least, x) }
    if let most {
      let isBelow = try binary(.less, x, most)
      inside = try inside.map { one throws(FormatError) in try multiply(one, isBelow) } ?? isBelow
    }
    guard let inside else { return x }
    return try select(inside, x, result)
  }
}
