public import TensorCore

/// x itself, through which no derivative passes.
///
/// ``PrimitiveRegistry`` does not list it: that the derivative is not that of the function is meant.
public struct Detach: Primitive {
  /// The name of the primitive.
  public static let name = "detach"

  /// The identity without a derivative.
  public init() {}

  /// Nothing to differentiate.
  public static var examples: [PrimitiveExample] { [] }

  /// The operand's shape.
  public func shape(of operands: [Shape]) -> Shape { operands[0] }

  /// None.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { nil }

  /// None.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { nil }

  /// A copy.
  public var elementwise: ElementwiseFunction? { .unary(.copy) }

  /// A copy.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let count = result.count
    return { Scalar.map(.copy, count, $0[0], $0.result) }
  }
}

extension Graph {
  /// x as a constant of every derivative.
  public mutating func detach(_ x: NodeID) -> NodeID { add(Detach(), x) }
}
