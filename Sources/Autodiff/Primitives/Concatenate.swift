public import TensorCore

/// Arrays one after another along an axis; their other extents are equal.
public struct Concatenate: Primitive {
  /// The name of the primitive.
  public static let name = "concatenate"
  /// The last and an earlier axis, one, two and three operands.
  public static let examples = [
    PrimitiveExample(Concatenate(axis: -1), [[2, 3], [2, 1]]),
    PrimitiveExample(Concatenate(axis: -2), [[2, 3, 2], [2, 1, 2], [2, 2, 2]]),
    PrimitiveExample(Concatenate(axis: -2), [[2, 3]]),
  ]
  /// The axis, counted from the end (−1 is the last).
  public let axis: Int

  /// The concatenation along an axis counted from the end.
  public init(axis: Int) {
    precondition(axis < 0, "axes are counted from the end")
    self.axis = axis
  }

  /// The shape with the sum of the extents along the axis.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard let first = operands.first, first.rank >= -axis,
      operands.allSatisfy({
        $0.rank == first.rank && $0.replacing(axis, by: 1) == first.replacing(axis, by: 1)
      })
    else {
      throw .shapes(
        primitive: Self.name, operands: operands,
        expected: "the same extents but along axis \(axis)")
    }
    return first.replacing(axis, by: operands.reduce(0) { $0 + $1[axis] })
  }

  /// The place where each operand begins.
  private func starts(_ graph: Graph, _ operands: [NodeID]) -> [Int] {
    operands.reduce(into: [0]) { $0.append(($0.last ?? 0) + graph.shape($1)[axis]) }
  }

  /// The tangents one after another; where one is zero, the others put in their places.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    let present = tangents.compactMap { $0 }
    if present.count == tangents.count { return graph.concatenate(present, axis: axis) }
    let starts = starts(graph, operands)
    let extent = graph.shape(result)[axis]
    var terms: [NodeID] = []
    for (tangent, start) in zip(tangents, starts) {
      guard let tangent else { continue }
      terms.append(graph.place(tangent, axis: axis, extent: extent, start: start))
    }
    return graph.sum(of: terms)
  }

  /// The operand's part of the cotangent.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    graph.slice(
      cotangent, axis: axis, start: starts(graph, operands)[operand],
      count: graph.shape(operands[operand])[axis])
  }

  /// One copy for each operand and index of the axes before.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let (outer, inner) = (result.dropLast(-axis).count, result.suffix(-axis - 1).count)
    let (runs, total) = (operands.map { $0[axis] * inner }, result[axis] * inner)
    return { operands in
      var start = operands.result
      for (operand, run) in runs.enumerated() {
        for item in 0..<outer {
          (start + item * total).update(from: operands[operand] + item * run, count: run)
        }
        start += run
      }
    }
  }
}

extension Graph {
  /// Arrays one after another along an axis counted from the end.
  ///
  /// - Precondition: The shapes fit; the message names them.
  public mutating func concatenate(_ parts: [NodeID], axis: Int) -> NodeID {
    if parts.count == 1 { return parts[0] }
    do {
      return try adding(Concatenate(axis: axis), parts)
    } catch {
      preconditionFailure("\(error)")
    }
  }
}
