public import TensorCore

/// x[…, y]: one element of each row; 0 where the index is negative.
///
/// Operands: x `[…, C]` and indices y as the last axes of `[…]`.
public struct Pick: Primitive {
  /// The name of the primitive.
  public static let name = "pick"
  /// Rows, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Pick(), [[3, 4], [3]], indexBound: [1: 4]),
    PrimitiveExample(Pick(), [[2, 3, 4], [3]], indexBound: [1: 4]),
  ]

  /// The shape without its last axis.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    try LabelledRows.check(Self.name, operands)
    return operands[0].dropLast()
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.pick($0, operands[1]) } }

  /// The cotangent put back in its place.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    operand == 0
      ? graph.unpick(cotangent, operands[1], classes: graph.shape(operands[0])[-1]) : nil
  }

  /// One load per row.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let rows = LabelledRows(operands)
    return { operands in
      let (x, labels, y) = (operands[0], operands.indices(1), operands.result)
      rows.forEach(labels) { offset, count in
        for row in 0..<count {
          let label = Int(labels[row])
          y[offset + row] = label < 0 ? 0 : x[(offset + row) * rows.classes + label]
        }
      }
    }
  }
}

/// Rows of zeros with v in the place of the index; rows of zeros where the index is negative.
///
/// Operands: v `[…]` and indices y as the last axes of `[…]`.
public struct Unpick: Primitive {
  /// The name of the primitive.
  public static let name = "unpick"
  /// Rows, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Unpick(classes: 4), [[3], [3]], indexBound: [1: 4]),
    PrimitiveExample(Unpick(classes: 4), [[2, 3], [3]], indexBound: [1: 4]),
  ]
  /// The extent of the new last axis.
  public let classes: Int

  /// The shape with the new axis.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard operands[0].rank >= operands[1].rank, operands[0].suffix(operands[1].rank) == operands[1]
    else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "[…] and indices […]")
    }
    return operands[0].appending([classes])
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.unpick($0, operands[1], classes: classes) } }

  /// The cotangent's elements in those places.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { operand == 0 ? graph.pick(cotangent, operands[1]) : nil }

  /// One store per row.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let rows = LabelledRows([result, operands[1]])
    let total = result.count
    return { operands in
      let (v, labels, y) = (operands[0], operands.indices(1), operands.result)
      y.update(repeating: 0, count: total)
      rows.forEach(labels) { offset, count in
        for row in 0..<count where labels[row] >= 0 {
          y[(offset + row) * rows.classes + Int(labels[row])] = v[offset + row]
        }
      }
    }
  }
}

extension Graph {
  /// One element of each row.
  public mutating func pick(_ x: NodeID, _ indices: NodeID) -> NodeID { add(Pick(), x, indices) }

  /// Rows of zeros with v in the place of the index.
  public mutating func unpick(_ v: NodeID, _ indices: NodeID, classes: Int) -> NodeID {
    add(Unpick(classes: classes), v, indices)
  }
}
