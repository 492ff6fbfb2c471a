public import TensorCore

/// softmax over the last axis; the largest element is subtracted first, so it cannot overflow.
public struct Softmax: Primitive {
  /// The name of the primitive.
  public static let name = "softmax"
  /// Rows, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Softmax(), [[2, 3]]), PrimitiveExample(Softmax(), [[2, 2, 3]]),
  ]

  /// The operand's shape.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard operands[0].rank >= 1 else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "[…, C]")
    }
    return operands[0]
  }

  /// s ⊙ (ẋ − Σ s ẋ).
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.softmaxProduct(result, $0) } }

  /// The same: the Jacobian is symmetric.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.softmaxProduct(result, cotangent) }

  /// The bulk kernel.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (rows, columns) = (result.dropLast().count, result[-1])
    return { Scalar.softmax(rows, columns, $0[0], $0.result) }
  }
}

extension Graph {
  /// softmax over the last axis.
  public mutating func softmax(_ x: NodeID) -> NodeID { add(Softmax(), x) }

  /// (diag s − s sᵀ) v over the last axis, for probabilities s `[…, C]`.
  mutating func softmaxProduct(_ s: NodeID, _ v: NodeID) -> NodeID {
    let mean = sum(multiply(s, v), axes: [-1], keepsAxes: true)
    return multiply(s, subtract(v, mean))
  }
}
