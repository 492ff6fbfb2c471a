import Autodiff
import TensorCore

/// Primitives whose operands come from a file: checked before they are added.
extension ONNXOperation {
  /// A primitive on operands that may not fit it.
  mutating func adding(
    _ primitive: some Primitive, _ operands: NodeID...
  ) throws(FormatError) -> NodeID {
    do {
      return try graph.adding(primitive, operands)
    } catch {
      throw fault("\(error)")
    }
  }

  /// Known elements as a value of the graph.
  mutating func literal(_ constant: ONNXConstant) -> NodeID {
    graph.literal(constant.elements, constant.shape)
  }

  /// Elements computed from their places as a value of the graph.
  mutating func literal(
    _ shape: Shape, _ element: (Int) -> Double
  ) throws(FormatError) -> NodeID {
    _ = try self.shape(of: shape.extents)
    guard shape.count <= Self.mostKnownElements else { throw tooLarge(shape.extents) }
    // Those of an operator that is run at once are soon gone.
    if !folds { try charge(shape.count) }
    return graph.literal((0..<shape.count).map(element), shape)
  }

  /// f(a, b), broadcasting.
  mutating func binary(
    _ function: BinaryFunction, _ a: NodeID, _ b: NodeID
  ) throws(FormatError) -> NodeID {
    _ = try broadcast([graph.shape(a), graph.shape(b)])
    switch function {
    case .add: return graph.add(a, b)
    case .subtract: return graph.subtract(a, b)
    case .multiply: return graph.multiply(a, b)
    case .divide: return graph.divide(a, b)
    default: return graph.add(Binary(function), a, b)
    }
  }

  mutating func add(_ a: NodeID, _ b: NodeID) throws(FormatError) -> NodeID {
    try binary(.add, a, b)
  }

  mutating func subtract(_ a: NodeID, _ b: NodeID) throws(FormatError) -> NodeID {
    try binary(.subtract, a, b)
  }

  mutating func multiply(_ a: NodeID, _ b: NodeID) throws(FormatError) -> NodeID {
    try binary(.multiply, a, b)
  }

  mutating func divide(_ a: NodeID, _ b: NodeID) throws(FormatError) -> NodeID {
    try binary(.divide, a, b)
  }

  /// a where the condition is 1, b where it is 0.
  mutating func select(
    _ condition: NodeID, _ a: NodeID, _ b: NodeID
  ) throws(FormatError) -> NodeID {
    _ = try broadcast([condition, a, b].map { graph.shape($0) })
    return graph.select(condition, a, otherwise: b)
  }

  /// x repeated to a shape.
  mutating func broadcast(_ x: NodeID, to shape: Shape) throws(FormatError) -> NodeID {
    guard try broadcast([graph.shape(x), shape]) == shape else {
      throw fault("\(graph.shape(x)) does not broadcast to \(shape)")
    }
    return graph.broadcast(x, from: graph.shape(x), to: shape)
  }

  /// x read as another shape.
  mutating func reshape(_ x: NodeID, to extents: [Int]) throws(FormatError) -> NodeID {
    let shape = try shape(of: extents)
    guard shape.count == graph.shape(x).count else {
      throw fault("\(graph.shape(x)) cannot be read as \(shape)", expected: "as many elements")
    }
    return graph.reshape(x, to: shape)
  }

  /// x with its axes in another order.
  mutating func transpose(_ x: NodeID, _ permutation: [Int]) throws(FormatError) -> NodeID {
    guard permutation.sorted() == Array(0..<graph.shape(x).rank) else {
      throw fault("the permutation \(permutation) of the axes of \(graph.shape(x))")
    }
    return graph.transpose(x, permutation)
  }

  /// x with one axis put at another place.
  mutating func move(_ x: NodeID, axis: Int, to place: Int) throws(FormatError) -> NodeID {
    var permutation = Array(0..<graph.shape(x).rank)
    permutation.remove(at: axis)
    permutation.insert(axis, at: place)
    return try transpose(x, permutation)
  }

  /// Some entries along an axis counted from the front.
  mutating func slice(
    _ x: NodeID, axis: Int, start: Int, count: Int, step: Int = 1
  ) throws(FormatError) -> NodeID {
    let shape = graph.shape(x)
    let last = count > 0 ? start + (count - 1) * step : start
    guard count >= 0, start >= 0, count == 0 || (start < shape[axis] && last < shape[axis]) else {
      throw fault("\(count) entries from \(start) on of axis \(axis) of \(shape)")
    }
    return graph.slice(
      x, axis: axis - shape.rank, start: min(start, shape[axis]), step: step, count: count)
  }

  /// x along an axis of `extent` with zeros elsewhere.
  mutating func place(
    _ x: NodeID, axis: Int, start: Int, extent: Int
  ) throws(FormatError) -> NodeID {
    var extents = graph.shape(x).extents
    extents[axis] = extent
    _ = try shape(of: extents)
    return graph.place(x, axis: axis - extents.count, extent: extent, start: start)
  }

  /// Arrays one after another along an axis counted from the front.
  mutating func concatenate(_ parts: [NodeID], axis: Int) throws(FormatError) -> NodeID {
    var extents = graph.shape(parts[0]).extents
    let first = extents
    extents[axis] = 0
    for part in parts {
      var own = graph.shape(part).extents
      guard own.count == first.count else {
        throw fault("arrays of \(first.count) and \(own.count) axes one after another")
      }
      extents[axis] += own[axis]
      own[axis] = first[axis]
      guard own == first else {
        throw fault("\(graph.shape(part)) behind \(first)", expected: "equal extents elsewhere")
      }
      _ = try shape(of: extents)
    }
    // Arrays without elements add nothing.
    let filled = parts.filter { graph.shape($0).count > 0 }
    if filled.isEmpty { return graph.constant(0, try shape(of: extents)) }
    return graph.concatenate(filled, axis: axis - first.count)
  }

  /// A function of the graph on operands that may not fit it.
  mutating func building(
    _ body: (inout Graph) throws(GraphError) -> NodeID
  ) throws(FormatError) -> NodeID {
    do {
      return try body(&graph)
    } catch {
      throw fault("\(error)")
    }
  }

  /// The largest elements over axes counted from the front, which stay with extent one.
  ///
  /// - Parameter least: The largest of no elements.
  mutating func largest(
    _ x: NodeID, axes: [Int], ofNone least: Double = -.infinity
  ) throws(FormatError) -> NodeID {
    let shape = graph.shape(x)
    if axes.contains(where: { shape[$0] == 0 }) {
      return graph.constant(least, kept(shape, axes))
    }
    return try building { graph throws(GraphError) in
      try graph.maximum(x, axes: axes.map { $0 - shape.rank }, keepsAxes: true)
    }
  }

  /// A shape with ones in the places of some axes.
  func kept(_ shape: Shape, _ axes: [Int]) -> Shape {
    Shape(shape.extents.enumerated().map { axes.contains($0.offset) ? 1 : $0.element })
  }

  /// The sum over axes counted from the front.
  mutating func sum(_ x: NodeID, axes: [Int], keepsAxes: Bool) -> NodeID {
    let rank = graph.shape(x).rank
    return graph.sum(x, axes: axes.map { $0 - rank }, keepsAxes: keepsAxes)
  }

  /// The mean over axes counted from the front, which stay with extent one.
  mutating func mean(_ x: NodeID, axes: [Int]) -> NodeID {
    let rank = graph.shape(x).rank
    return graph.mean(x, axes: axes.map { $0 - rank }, keepsAxes: true)
  }

  /// The product over the last two axes, those in front broadcasting.
  ///
  /// Where an operand is another one with its last two axes swapped, the product swaps them itself:
  /// so a weight stays visible as it is.
  mutating func matmul(_ a: NodeID, _ b: NodeID) throws(FormatError) -> NodeID {
    let (left, right) = (unswapped(a), unswapped(b))
    let product = MatMul(transposeA: left != a, transposeB: right != b)
    let (shapeA, shapeB) = (graph.shape(a), graph.shape(b))
    guard shapeA.rank >= 2, shapeB.rank >= 2, shapeA[-1] == shapeB[-2] else {
      throw fault("the matrices \(shapeA) and \(shapeB)", expected: "[…, M, K] and […, K, N]")
    }
    let front = try broadcast([shapeA.dropLast(2), shapeB.dropLast(2)])
    _ = try shape(of: front.extents + [shapeA[-2], shapeB[-1]])
    return try adding(product, left, right)
  }

  private func unswapped(_ x: NodeID) -> NodeID {
    guard let transpose = graph[x].primitive as? Transpose else { return x }
    let rank = transpose.permutation.count
    guard rank >= 2 else { return x }
    var swap = Array(0..<rank)
    swap.swapAt(rank - 2, rank - 1)
    return transpose.permutation == swap ? graph[x].operands[0] : x
  }
}
