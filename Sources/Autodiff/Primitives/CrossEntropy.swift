public import TensorCore

/// −log softmax(z)[y] over the last axis, one number per label; 0 where the label is negative.
///
/// Operands: logits z `[…, C]` and labels y as the last axes of `[…]`.
public struct CrossEntropy: Primitive {
  /// The name of the primitive.
  public static let name = "cross-entropy"
  /// Rows of logits.
  public static let examples = [
    PrimitiveExample(CrossEntropy(), [[3, 4], [3]], indexBound: [1: 4]),
    PrimitiveExample(CrossEntropy(), [[2, 3, 4], [3]], indexBound: [1: 4]),
  ]

  /// The logits' shape without the classes.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    try LabelledRows.check(Self.name, operands)
    return operands[0].dropLast()
  }

  /// Σ (p − onehot) ż.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    guard let tangent = tangents[0] else { return nil }
    let slope = graph.crossEntropyGradient(operands[0], labels: operands[1])
    return graph.sum(graph.multiply(tangent, slope), axes: [-1])
  }

  /// (p − onehot) times the cotangent.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    guard operand == 0 else { return nil }
    let slope = graph.crossEntropyGradient(operands[0], labels: operands[1])
    return graph.multiply(graph.column(cotangent, of: result), slope)
  }

  /// The bulk kernel.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let rows = LabelledRows(operands)
    return { operands in
      let labels = operands.indices(1)
      rows.forEach(labels) { offset, count in
        Scalar.crossEntropy(
          count, rows.classes, operands[0] + offset * rows.classes, labels,
          operands.result + offset)
      }
    }
  }
}

/// softmax(z) − onehot(y) over the last axis; 0 where the label is negative.
///
/// The entry of the label is minus the sum of the others: 1 − p of a well-fitted item keeps all its
/// digits.
public struct CrossEntropyGradient: Primitive {
  /// The name of the primitive.
  public static let name = "cross-entropy-gradient"
  /// Rows of logits.
  public static let examples = [
    PrimitiveExample(CrossEntropyGradient(), [[3, 4], [3]], indexBound: [1: 4]),
    PrimitiveExample(CrossEntropyGradient(), [[2, 3, 4], [3]], indexBound: [1: 4]),
  ]

  /// The logits' shape.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    try LabelledRows.check(Self.name, operands)
    return operands[0]
  }

  /// (diag p − p pᵀ) ż.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    tangents[0].map { product(&graph, operands, result, $0) }
  }

  /// The same: the Jacobian is symmetric.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    guard operand == 0 else { return nil }
    return product(&graph, operands, result, cotangent)
  }

  /// (diag p − p pᵀ) v for p = softmax(z), zero in the rows without a label.
  ///
  /// The matrix maps constants to zero. With the entry of the label subtracted from v, what is left
  /// meets the small probabilities of the other classes only, so that no digit of a well-fitted
  /// item's product cancels.
  private func product(
    _ graph: inout Graph, _ operands: [NodeID], _ result: NodeID, _ v: NodeID
  ) -> NodeID {
    let shape = graph.shape(result)
    let ones = graph.constant(1, shape.dropLast())
    let p = graph.add(result, graph.unpick(ones, operands[1], classes: shape[-1]))
    let own = graph.pick(v, operands[1])
    let rows = graph.shape(own)
    let column = graph.reshape(own, from: rows, to: rows.appending([1]))
    return graph.softmaxProduct(p, graph.subtract(v, column))
  }

  /// The bulk kernel.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let rows = LabelledRows(operands)
    return { operands in
      let labels = operands.indices(1)
      rows.forEach(labels) { offset, count in
        Scalar.crossEntropyGradient(
          count, rows.classes, operands[0] + offset * rows.classes, labels,
          operands.result + offset * rows.classes)
      }
    }
  }
}

/// Rows of C values with one label each, the labels repeated for axes in front.
struct LabelledRows: Sendable {
  /// C.
  let classes: Int
  private let labels: Int
  private let repeats: Int

  init(_ operands: [Shape]) {
    classes = operands[0][-1]
    labels = operands[1].count
    repeats = labels == 0 ? 0 : operands[0].dropLast().count / labels
  }

  static func check(_ name: String, _ operands: [Shape]) throws(GraphError) {
    guard operands[0].rank > operands[1].rank, operands[0][-1] > 0,
      operands[0].dropLast().suffix(operands[1].rank) == operands[1]
    else {
      throw .shapes(primitive: name, operands: operands, expected: "[…, C] and labels […]")
    }
  }

  /// Calls the body for each repeat with its first row and the number of rows.
  ///
  /// - Precondition: Every label is below C.
  @inline(__always)
  func forEach(_ labels: UnsafePointer<Int32>, _ body: (_ row: Int, _ count: Int) -> Void) {
    checkIndices(labels, self.labels, below: classes)
    for part in 0..<repeats { body(part * self.labels, self.labels) }
  }
}

/// Stops the program before an index reaches outside its table.
func checkIndices(_ indices: UnsafePointer<Int32>, _ count: Int, below bound: Int) {
  var largest: Int32 = -1
  for i in 0..<count { largest = max(largest, indices[i]) }
  precondition(largest < bound, "index \(largest) is not below \(bound)")
}

extension Graph {
  /// −log softmax(z)[y] over the last axis.
  public mutating func crossEntropy(_ z: NodeID, labels: NodeID) -> NodeID {
    add(CrossEntropy(), z, labels)
  }

  /// softmax(z) − onehot(y) over the last axis.
  public mutating func crossEntropyGradient(_ z: NodeID, labels: NodeID) -> NodeID {
    add(CrossEntropyGradient(), z, labels)
  }
}
