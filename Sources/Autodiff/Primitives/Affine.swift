public import TensorCore

/// scale · x + offset with two constants, elementwise.
public struct Affine: Primitive {
  /// The name of the primitive.
  public static let name = "affine"
  /// A line with a slope and a height.
  public static let examples = [PrimitiveExample(Affine(scale: -1.5, offset: 0.25), [[2, 3]])]
  /// The factor.
  public let scale: Double
  /// The summand.
  public let offset: Double

  /// The operand's shape.
  public func shape(of operands: [Shape]) -> Shape { operands[0] }

  /// The tangent scaled.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.affine($0, scale: scale, offset: 0) } }

  /// The cotangent scaled.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { graph.affine(cotangent, scale: scale, offset: 0) }

  /// The function itself.
  public var elementwise: ElementwiseFunction? { .affine(scale: scale, offset: offset) }

  /// The bulk kernel.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (scale, offset, count) = (Scalar(scale), Scalar(offset), result.count)
    return { Scalar.affine(count, scale, $0[0], offset, $0.result) }
  }
}

extension Graph {
  /// scale · x + offset; chains of them become one.
  public mutating func affine(_ x: NodeID, scale: Double, offset: Double) -> NodeID {
    if scale == 1 && offset == 0 { return x }
    if let value = constantValue(x) { return constant(scale * value + offset, shape(x)) }
    if let inner = self[x].primitive as? Affine, inner.offset == 0 {
      return affine(self[x].operands[0], scale: scale * inner.scale, offset: offset)
    }
    return add(Affine(scale: scale, offset: offset), x)
  }
}
