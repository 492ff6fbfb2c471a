public import TensorCore

/// Rows of a table by index: table `[…, V, D]` and indices `[R…]` give `[…, R…, D]`.
///
/// A negative index gives a row of zeros.
public struct Gather: Primitive {
  /// The name of the primitive.
  public static let name = "gather"
  /// Repeated indices, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(Gather(), [[4, 3], [2, 3]], indexBound: [1: 4]),
    PrimitiveExample(Gather(), [[2, 4, 3], [5]], indexBound: [1: 4]),
  ]

  /// `[…, R…, D]`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard operands[0].rank >= 2 else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "[…, V, D] and indices")
    }
    return operands[0].dropLast(2).appending(operands[1]).appending([operands[0][-1]])
  }

  /// The same rows of the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.gather($0, operands[1]) } }

  /// The cotangent's rows added where they came from.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    operand == 0
      ? graph.scatterAdd(cotangent, operands[1], rows: graph.shape(operands[0])[-2]) : nil
  }

  /// One copy per row.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (width, tableRows, count) = (operands[0][-1], operands[0][-2], operands[1].count)
    let parts = operands[0].dropLast(2).count
    return { operands in
      let indices = operands.indices(1)
      checkIndices(indices, count, below: tableRows)
      for part in 0..<parts {
        let table = operands[0] + part * tableRows * width
        let rows = operands.result + part * count * width
        for row in 0..<count {
          let index = Int(indices[row])
          if index < 0 {
            (rows + row * width).update(repeating: 0, count: width)
          } else {
            (rows + row * width).update(from: table + index * width, count: width)
          }
        }
      }
    }
  }
}

/// Adds rows into a table of zeros by index: v `[…, R…, D]` and indices `[R…]` give `[…, V, D]`.
///
/// Rows of the same index are added in their order; rows of a negative index are dropped.
public struct ScatterAdd: Primitive {
  /// The name of the primitive.
  public static let name = "scatter-add"
  /// Repeated indices, and an axis carried in front.
  public static let examples = [
    PrimitiveExample(ScatterAdd(rows: 4), [[2, 3, 2], [2, 3]], indexBound: [1: 4]),
    PrimitiveExample(ScatterAdd(rows: 4), [[2, 5, 3], [5]], indexBound: [1: 4]),
  ]
  /// V, the number of rows of the table.
  public let rows: Int

  /// `[…, V, D]`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let rank = operands[1].rank
    guard operands[0].rank > rank, operands[0].dropLast().suffix(rank) == operands[1] else {
      throw .shapes(primitive: Self.name, operands: operands, expected: "[…, R…, D], indices [R…]")
    }
    return operands[0].dropLast(rank + 1).appending([rows, operands[0][-1]])
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.scatterAdd($0, operands[1], rows: rows) } }

  /// The rows of the cotangent.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { operand == 0 ? graph.gather(cotangent, operands[1]) : nil }

  /// One addition per row.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (width, tableRows, count) = (result[-1], rows, operands[1].count)
    let parts = result.dropLast(2).count
    return { operands in
      let indices = operands.indices(1)
      checkIndices(indices, count, below: tableRows)
      operands.result.update(repeating: 0, count: parts * tableRows * width)
      for part in 0..<parts {
        let rows = operands[0] + part * count * width
        let table = operands.result + part * tableRows * width
        for row in 0..<count where indices[row] >= 0 {
          Scalar.axpy(width, 1, rows + row * width, table + Int(indices[row]) * width)
        }
      }
    }
  }
}

extension Graph {
  /// Rows of a table by index.
  public mutating func gather(_ table: NodeID, _ indices: NodeID) -> NodeID {
    add(Gather(), table, indices)
  }

  /// Rows added into a table of zeros by index.
  public mutating func scatterAdd(_ rows: NodeID, _ indices: NodeID, rows count: Int) -> NodeID {
    add(ScatterAdd(rows: count), rows, indices)
  }
}
