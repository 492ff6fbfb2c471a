public import TensorCore

/// log Σ exp over the last axis; the largest element is taken out first, so it cannot overflow.
public struct LogSumExp: Primitive {
  /// The name of the primitive.
  public static let name = "log-sum-exp"
  /// Rows, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(LogSumExp(), [[2, 3]]), PrimitiveExample(LogSumExp(), [[2, 2, 3]]),
  ]

  /// The shape without its last axis.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard operands[0].rank >= 1, operands[0][-1] > 0 else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "[…, C] with C ≥ 1")
    }
    return operands[0].dropLast()
  }

  /// Σ softmax(x) ẋ.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    guard let tangent = tangents[0] else { return nil }
    let s = graph.softmax(operands[0])
    return graph.sum(graph.multiply(tangent, s), axes: [-1])
  }

  /// softmax(x) times the cotangent.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    let column = graph.column(cotangent, of: result)
    return graph.multiply(column, graph.softmax(operands[0]))
  }

  /// The bulk kernel.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (rows, columns) = (result.count, operands[0][-1])
    return { Scalar.logSumExp(rows, columns, $0[0], $0.result) }
  }
}

extension Graph {
  /// log Σ exp over the last axis.
  public mutating func logSumExp(_ x: NodeID) -> NodeID { add(LogSumExp(), x) }

  /// A value shaped like `value` with one more axis of extent one at the end.
  mutating func column(_ x: NodeID, of value: NodeID) -> NodeID {
    let shape = shape(value)
    return reshape(x, from: shape, to: shape.appending([1]))
  }
}
