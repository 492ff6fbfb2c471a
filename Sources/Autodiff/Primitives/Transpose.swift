public import TensorCore

/// The last axes in another order.
public struct Transpose: Primitive {
  /// The name of the primitive.
  public static let name = "transpose"
  /// A matrix, three axes, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Transpose(permutation: [1, 0]), [[2, 3]]),
    PrimitiveExample(Transpose(permutation: [2, 0, 1]), [[2, 3, 4]]),
    PrimitiveExample(Transpose(permutation: [1, 0, 2]), [[2, 3, 4]]),
    PrimitiveExample(Transpose(permutation: [2, 1, 0, 3]), [[2, 2, 3, 2]]),
    PrimitiveExample(Transpose(permutation: [0, 3, 2, 1]), [[2, 2, 3, 4]]),
    PrimitiveExample(Transpose(permutation: [1, 0]), [[2, 3, 4]]),
  ]
  /// Axis a of the last axes of the result is axis `permutation[a]` of those of the operand.
  public let permutation: [Int]

  /// The permuted shape.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let rank = permutation.count
    guard operands[0].rank >= rank, permutation.sorted() == Array(0..<rank) else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "rank ≥ \(rank)")
    }
    let last = operands[0].suffix(rank)
    return operands[0].dropLast(rank).appending(Shape(permutation.map { last[$0] }))
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0) } }

  /// The inverse permutation.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    let inverse = permutation.indices.map { axis in permutation.firstIndex(of: axis) ?? axis }
    return graph.add(Transpose(permutation: inverse), cotangent)
  }

  /// Slabs of two axes go to the transpose kernel.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let last = operands[0].suffix(permutation.count)
    let front = operands[0].dropLast(permutation.count).count
    let (permuted, count) = (AxisPermutation(permutation, of: last), last.count)
    return { operands in
      for item in 0..<front {
        permuted.copy(operands[0] + item * count, to: operands.result + item * count)
      }
    }
  }
}

extension Graph {
  /// The last axes in another order.
  public mutating func transpose(_ x: NodeID, _ permutation: [Int]) -> NodeID {
    permutation == Array(permutation.indices) ? x : add(Transpose(permutation: permutation), x)
  }
}
