public import TensorCore

/// Repeats the trailing axes of shape `from` to the shape `to` by broadcasting.
public struct Broadcast: Primitive {
  /// The name of the primitive.
  public static let name = "broadcast"
  /// A row, a column, a scalar, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Broadcast(from: [3], to: [2, 3]), [[3]]),
    PrimitiveExample(Broadcast(from: [2, 1], to: [2, 3]), [[2, 1]]),
    PrimitiveExample(Broadcast(from: [], to: [2, 3]), [[]]),
    PrimitiveExample(Broadcast(from: [3], to: [2, 3]), [[4, 3]]),
  ]
  /// The trailing axes of the operand.
  public let from: Shape
  /// What they become.
  public let to: Shape
  /// Whether what is added in front is the batch: a copy for each example.
  public let addsBatch: Bool

  /// Repeats `from` to `to`.
  public init(from: Shape, to: Shape, addsBatch: Bool = false) {
    self.from = from
    self.to = to
    self.addsBatch = addsBatch
  }

  /// The axes in front, then `to`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard operands[0].rank >= from.rank, operands[0].suffix(from.rank) == from,
      from.broadcast(with: to) == to
    else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "[…] + \(from), into \(to)")
    }
    return operands[0].dropLast(from.rank).appending(to)
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// The sum over what was repeated.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    // The repeated axes stand at the end, so that axes in front stay apart.
    let padded = Shape([Int](repeating: 1, count: to.rank - from.rank) + from.extents)
    let axes = (1...max(to.rank, 1)).filter { $0 <= to.rank && padded[-$0] != to[-$0] }
    let summed = graph.sum(cotangent, axes: axes.map { -$0 }, keepsAxes: true)
    return graph.reshape(summed, from: padded, to: from)
  }

  /// An example's copy of a parameter has the cotangent itself for its gradient.
  public func factor(
    _ graph: Graph, operands: [NodeID], cotangent: NodeID, operand: Int, size: Int
  ) -> Factor? {
    addsBatch ? Factor(parameter: operands[0], form: .whole, cotangent: cotangent) : nil
  }

  /// Copies runs.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let front = operands[0].dropLast(from.rank)
    let padded = Shape([Int](repeating: 1, count: to.rank - from.rank) + from.extents)
    var loops = StridedLoops(broadcasting: front.appending(padded), result, to: result)
    let run = loops.removeInnermost()
    return { [loops] operands in
      let (x, y) = (operands[0], operands.result)
      loops.forEach { from, to in
        if run.strideA == 1 {
          (y + to).update(from: x + from, count: run.extent)
        } else {
          (y + to).update(repeating: x[from], count: run.extent)
        }
      }
    }
  }
}

extension Graph {
  /// x with its last axes repeated until they are `shape`.
  mutating func filled(_ x: NodeID, to shape: Shape) -> NodeID {
    let trailing = self.shape(x).suffix(shape.rank)
    return trailing == shape ? x : broadcast(x, from: trailing, to: shape)
  }

  /// A copy of x for each of B examples, `[B] + shape`.
  mutating func copies(_ x: NodeID, size: Int) -> NodeID {
    add(
      Broadcast(from: shape(x), to: Shape([size]).appending(shape(x)), addsBatch: true), x)
  }

  /// x with its trailing axes `from` repeated to `to`.
  public mutating func broadcast(_ x: NodeID, from: Shape, to: Shape) -> NodeID {
    if from == to { return x }
    if let value = constantValue(x) {
      return constant(value, shape(x).dropLast(from.rank).appending(to))
    }
    return add(Broadcast(from: from, to: to), x)
  }
}
