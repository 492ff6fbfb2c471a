public import TensorCore

/// Rows of a table by index: table `[…, V, D]` and indices `[R…]` give `[…, R…, D]`.
///
/// Indices are whole numbers among the other numbers of the graph, such as tokens; their derivative
/// is zero. An index that is none of 0 ..< V gives a row of NaN.
public struct Gather: Primitive {
  /// The name of the primitive.
  public static let name = "gather"
  /// Repeated indices, an axis carried in front, and tables of their own for some indices.
  public static let examples = [
    PrimitiveExample(Gather(), [[4, 3], [2, 3]], wholeNumberBound: [1: 4]),
    PrimitiveExample(Gather(), [[2, 4, 3], [5]], wholeNumberBound: [1: 4]),
    PrimitiveExample(Gather(sharedAxes: 1), [[2, 4, 3], [2, 5]], wholeNumberBound: [1: 4]),
    PrimitiveExample(Gather(sharedAxes: 1), [[3, 2, 4, 3], [2, 5]], wholeNumberBound: [1: 4]),
  ]
  /// The number of axes that tables and indices have in common: tables `[…, S…, V, D]` and indices
  /// `[S…, R…]` give `[…, S…, R…, D]`.
  public let sharedAxes: Int

  /// Rows of one table, or of as many tables as the shared axes of the indices count.
  public init(sharedAxes: Int = 0) { self.sharedAxes = sharedAxes }

  /// `[…, R…, D]`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let tables = operands[0].rank >= 2 ? operands[0].dropLast(2) : []
    guard operands[0].rank >= 2 + sharedAxes, operands[1].rank >= sharedAxes,
      tables.suffix(sharedAxes) == operands[1].dropLast(operands[1].rank - sharedAxes)
    else {
      throw .shapes(
        primitive: Self.name, operands: operands, expected: "[…, S…, V, D] and indices [S…, R…]")
    }
    return tables.appending(operands[1].suffix(operands[1].rank - sharedAxes))
      .appending([operands[0][-1]])
  }

  /// The same rows of the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0, operands[1]) } }

  /// The cotangent's rows added where they came from.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    guard operand == 0 else { return nil }
    let scatter = ScatterAdd(rows: graph.shape(operands[0])[-2], sharedAxes: sharedAxes)
    return graph.add(scatter, cotangent, operands[1])
  }

  /// One table for all examples, or a table for each.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID {
    let hasTables = graph.shape(operands[0]) != single[0]
    guard graph.shape(operands[1]) != single[1] else {
      return try graph.adding(self, operands)
    }
    guard hasTables || single[0].rank > 2 + sharedAxes else {
      guard sharedAxes > 0 else { return try graph.adding(self, operands) }
      let tables = graph.copies(operands[0], size: size)
      return try graph.adding(Gather(sharedAxes: sharedAxes + 1), [tables, operands[1]])
    }
    let tables = hasTables ? operands[0] : graph.copies(operands[0], size: size)
    // The axes between the batch and the table are shared from now on.
    let between = single[0].dropLast(2 + sharedAxes)
    let own = single[1]
    let ones = Shape([size] + [Int](repeating: 1, count: between.rank))
    let aligned = graph.reshape(operands[1], to: ones.appending(own))
    let all = Shape([size]).appending(between).appending(own)
    let indices = graph.broadcast(aligned, from: graph.shape(aligned), to: all)
    return try graph.adding(
      Gather(sharedAxes: 1 + between.rank + sharedAxes), [tables, indices])
  }

  /// Tokens looked up in an embedding.
  public func factor(
    _ graph: Graph, operands: [NodeID], cotangent: NodeID, operand: Int, size: Int
  ) -> Factor? {
    guard operand == 0, sharedAxes == 0, graph.shape(operands[0]).rank == 2,
      graph.shape(operands[1])[0] == size
    else { return nil }
    return Factor(
      parameter: operands[0], form: .rows(indices: operands[1]), cotangent: cotangent)
  }

  /// One copy per row.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let tables = IndexedTables(operands[0], indices: operands[1], sharedAxes: sharedAxes)
    let width = tables.width
    return { operands in
      let (table, indices, rows) = (operands[0], operands[1], operands.result)
      tables.forEach(indices) { row, place in
        if let place {
          (rows + row * width).update(from: table + place * width, count: width)
        } else {
          (rows + row * width).update(repeating: .nan, count: width)
        }
      }
    }
  }
}

/// Adds rows into a table of zeros by index: v `[…, R…, D]` and indices `[R…]` give `[…, V, D]`.
///
/// Rows of the same index are added in their order; a row whose index is none of 0 ..< V is dropped.
public struct ScatterAdd: Primitive {
  /// The name of the primitive.
  public static let name = "scatter-add"
  /// Repeated indices, an axis carried in front, and tables of their own for some indices.
  public static let examples = [
    PrimitiveExample(ScatterAdd(rows: 4), [[2, 3, 2], [2, 3]], wholeNumberBound: [1: 4]),
    PrimitiveExample(ScatterAdd(rows: 4), [[2, 5, 3], [5]], wholeNumberBound: [1: 4]),
    PrimitiveExample(
      ScatterAdd(rows: 4, sharedAxes: 1), [[3, 2, 5, 3], [2, 5]], wholeNumberBound: [1: 4]),
  ]
  /// V, the number of rows of the table.
  public let rows: Int
  /// The number of axes that tables and indices have in common, as in ``Gather``.
  public let sharedAxes: Int

  /// Sums into a table of V rows, or into as many as the shared axes of the indices count.
  public init(rows: Int, sharedAxes: Int = 0) {
    self.rows = rows
    self.sharedAxes = sharedAxes
  }

  /// `[…, V, D]`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    let rank = operands[1].rank
    guard operands[0].rank > rank, rank >= sharedAxes,
      operands[0].dropLast().suffix(rank) == operands[1]
    else {
      throw .shapes(
        primitive: Self.name, operands: operands, expected: "[…, S…, R…, D], indices [S…, R…]")
    }
    return operands[0].dropLast(rank - sharedAxes + 1).appending([rows, operands[0][-1]])
  }

  /// The same on the tangent.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0].map { graph.add(self, $0, operands[1]) } }

  /// The rows of the cotangent.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    operand == 0 ? graph.add(Gather(sharedAxes: sharedAxes), cotangent, operands[1]) : nil
  }

  /// A table for each example.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID {
    guard graph.shape(operands[1]) != single[1] else {
      return try graph.adding(self, operands)
    }
    // Indices of every example: the axes in front of the values become shared.
    let front = single[0].dropLast(single[1].rank + 1)
    let values =
      graph.shape(operands[0]) == single[0]
      ? graph.copies(operands[0], size: size)
      : operands[0]
    let ones = Shape([size] + [Int](repeating: 1, count: front.rank))
    let aligned = graph.reshape(operands[1], to: ones.appending(single[1]))
    let all = Shape([size]).appending(front).appending(single[1])
    let indices = graph.broadcast(aligned, from: graph.shape(aligned), to: all)
    return try graph.adding(
      ScatterAdd(rows: rows, sharedAxes: 1 + front.rank + sharedAxes), [values, indices])
  }

  /// One addition per row.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let tables = IndexedTables(result, indices: operands[1], sharedAxes: sharedAxes)
    let (width, total) = (tables.width, result.count)
    return { operands in
      let (rows, indices, table) = (operands[0], operands[1], operands.result)
      table.update(repeating: 0, count: total)
      tables.forEach(indices) { row, place in
        if let place { Scalar.axpy(width, 1, rows + row * width, table + place * width) }
      }
    }
  }
}

/// Tables `[…, S…, V, D]` and the rows that indices `[S…, R…]` choose of them.
private struct IndexedTables: Sendable {
  /// D.
  let width: Int
  private let rows: Int
  private let carried: Int
  private let shared: Int
  private let chosen: Int

  init(_ tables: Shape, indices: Shape, sharedAxes: Int) {
    width = tables[-1]
    rows = tables[-2]
    shared = indices.dropLast(indices.rank - sharedAxes).count
    chosen = indices.suffix(indices.rank - sharedAxes).count
    carried = tables.dropLast(2 + sharedAxes).count
  }

  /// Calls the body with each row of the result `[…, S…, R…]` and its row among all the tables'; nil
  /// where the index is out of range.
  @inline(__always)
  func forEach<Scalar: TensorScalar>(
    _ indices: UnsafePointer<Scalar>, _ body: (_ row: Int, _ place: Int?) -> Void
  ) {
    let bound = Scalar(rows)
    for front in 0..<carried {
      for table in 0..<shared {
        let first = front * shared + table
        for position in 0..<chosen {
          let index = indices[table * chosen + position]
          let isValid = index >= 0 && index < bound && index == index.rounded(.towardZero)
          body(first * chosen + position, isValid ? first * rows + Int(index) : nil)
        }
      }
    }
  }
}

extension Graph {
  /// Rows of a table by index; out of range gives NaN.
  public mutating func gather(_ table: NodeID, _ indices: NodeID) -> NodeID {
    add(Gather(), table, indices)
  }

  /// Rows added into a table of zeros by index.
  public mutating func scatterAdd(_ rows: NodeID, _ indices: NodeID, rows count: Int) -> NodeID {
    add(ScatterAdd(rows: count), rows, indices)
  }
}
