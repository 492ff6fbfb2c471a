public import TensorCore

/// The same elements with the trailing axes `from` read as `to`.
public struct Reshape: Primitive {
  /// The name of the primitive.
  public static let name = "reshape"
  /// A matrix flattened, a vector folded, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Reshape(from: [2, 3], to: [6]), [[2, 3]]),
    PrimitiveExample(Reshape(from: [6], to: [3, 1, 2]), [[6]]),
    PrimitiveExample(Reshape(from: [3], to: [1, 3]), [[2, 3]]),
  ]
  /// The trailing axes of the operand.
  public let from: Shape
  /// What they become.
  public let to: Shape

  /// The axes in front, then `to`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard operands[0].rank >= from.rank, operands[0].suffix(from.rank) == from,
      from.count == to.count
    else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "[…] + \(from), as \(to)")
    }
    return operands[0].dropLast(from.rank).appending(to)
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// Back again.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.reshape(cotangent, from: to, to: from) }

  /// Copies.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let count = result.count
    return { $0.result.update(from: $0[0], count: count) }
  }
}

extension Graph {
  /// x with its trailing axes `from` read as `to`.
  public mutating func reshape(_ x: NodeID, from: Shape, to: Shape) -> NodeID {
    if from == to { return x }
    if let value = constantValue(x) {
      return constant(value, shape(x).dropLast(from.rank).appending(to))
    }
    if let inner = self[x].primitive as? Reshape, inner.to == from {
      return reshape(self[x].operands[0], from: inner.from, to: to)
    }
    return add(Reshape(from: from, to: to), x)
  }

  /// x read as another shape.
  public mutating func reshape(_ x: NodeID, to: Shape) -> NodeID {
    reshape(x, from: shape(x), to: to)
  }

  /// A tangent of a value of shape `from`, padded with axes of one so that the value's part has
  /// this rank.
  mutating func aligned(_ tangent: NodeID, from: Shape, rank: Int) -> NodeID {
    reshape(
      tangent, from: from,
      to: Shape([Int](repeating: 1, count: max(rank - from.rank, 0)) + from.extents))
  }
}
