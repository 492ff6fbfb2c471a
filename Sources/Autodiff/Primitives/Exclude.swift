public import TensorCore

/// The rows of x with one element replaced by a constant; untouched where the index is negative.
///
/// Operands: x `[…, C]` and indices y as the last axes of `[…]`. With −∞ it takes a class out of a
/// log-sum-exp.
public struct Exclude: Primitive {
  /// The name of the primitive.
  public static let name = "exclude"
  /// Rows, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Exclude(value: 0), [[3, 4], [3]], indexBound: [1: 4]),
    PrimitiveExample(Exclude(value: 1), [[2, 3, 4], [3]], indexBound: [1: 4]),
  ]
  /// What stands in the place of the index.
  public let value: Double

  /// The operand's shape.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    try LabelledRows.check(Self.name, operands)
    return operands[0]
  }

  /// The tangent without that element.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.exclude($0, operands[1], value: 0) } }

  /// The cotangent without that element.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { operand == 0 ? graph.exclude(cotangent, operands[1], value: 0) : nil }

  /// A copy and one store per row.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let rows = LabelledRows(operands)
    let (total, value) = (result.count, Scalar(value))
    return { operands in
      let (labels, y) = (operands.indices(1), operands.result)
      y.update(from: operands[0], count: total)
      rows.forEach(labels) { offset, count in
        for row in 0..<count where labels[row] >= 0 {
          y[(offset + row) * rows.classes + Int(labels[row])] = value
        }
      }
    }
  }
}

extension Graph {
  /// Rows with one element replaced.
  public mutating func exclude(_ x: NodeID, _ indices: NodeID, value: Double) -> NodeID {
    add(Exclude(value: value), x, indices)
  }
}
