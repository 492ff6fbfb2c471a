public import TensorCore

/// An elementwise function of two arguments with broadcasting, aligned at the last axis.
public struct Binary: Primitive {
  /// The name of the primitive.
  public static let name = "binary"
  /// Which function.
  public let function: BinaryFunction

  /// The elementwise function.
  public init(_ function: BinaryFunction) { self.function = function }

  /// Equal shapes, a row, a column, a scalar, and both operands broadcasting.
  public static var examples: [PrimitiveExample] {
    let shapes: [[Shape]] = [
      [[2, 3], [2, 3]], [[2, 3], [3]], [[3], [2, 3]], [[2, 3], [2, 1]], [[], [2, 3]],
      [[2, 1], [1, 3]], [[2, 1, 3], [2, 4, 3]],
    ]
    return BinaryFunction.allCases.flatMap { function in
      shapes.map { PrimitiveExample(Binary(function), $0, domain: 0.5...2) }
    }
  }

  /// The broadcast of both shapes.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard let shape = operands[0].broadcast(with: operands[1]) else {
      throw .shapes(primitive: "\(function)", operands: operands, expected: "broadcastable shapes")
    }
    return shape
  }

  /// The product and quotient rules, and those of the others.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    var terms: [NodeID] = []
    for (operand, tangent) in tangents.enumerated() {
      guard let tangent else { continue }
      // Axes in front of the tangent must not meet axes of the value.
      let aligned = graph.aligned(
        tangent, from: graph.shape(operands[operand]), rank: graph.shape(result).rank)
      guard let product = times(&graph, aligned, operands, result, operand) else { continue }
      terms.append(graph.filled(product, to: graph.shape(result)))
    }
    return graph.sum(of: terms)
  }

  /// The same, summed over the axes along which the operand was broadcast.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    times(&graph, cotangent, operands, result, operand).map {
      graph.sum($0, to: graph.shape(operands[operand]))
    }
  }

  /// ∂f/∂operand · v; nil where it is zero.
  ///
  /// Of two equal operands the first is the maximum or the minimum.
  private func times(
    _ g: inout Graph, _ v: NodeID, _ operands: [NodeID], _ result: NodeID, _ operand: Int
  ) -> NodeID? {
    let (x, y) = (operands[0], operands[1])
    switch (function, operand) {
    case (.add, _), (.subtract, 0): return v
    case (.subtract, _): return g.negate(v)
    case (.multiply, 0), (.multiply, _):
      return g.multiply(v, operands[1 - operand])
    case (.divide, 0): return g.divide(v, y)
    case (.divide, _): return g.negate(g.multiply(v, g.divide(result, y)))
    case (.less, _), (.lessOrEqual, _), (.equal, _), (.mask, 0): return nil
    case (.mask, _): return g.mask(x, v)
    case (.maximum, 0): return g.mask(g.binary(.lessOrEqual, y, x), v)
    case (.maximum, _): return g.mask(g.binary(.less, x, y), v)
    case (.minimum, 0): return g.mask(g.binary(.lessOrEqual, x, y), v)
    case (.minimum, _): return g.mask(g.binary(.less, y, x), v)
    case (.power, 0):
      // 0 where the exponent is, even at the base 0.
      let power = g.binary(.power, x, g.affine(y, scale: 1, offset: -1))
      return g.multiply(v, g.multiply(y, g.mask(y, power)))
    case (.power, _): return g.multiply(v, g.multiply(result, g.mask(x, g.unary(.log, x))))
    }
  }

  /// Operands without the axis stay as they are; the others' axes are aligned with the result's.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID {
    let aligned = zip(operands, single).map { operand, shape in
      graph.shape(operand) == shape
        ? operand : graph.aligned(operand, from: shape, rank: result.rank)
    }
    return try graph.adding(self, aligned)
  }

  /// The function itself.
  public var elementwise: ElementwiseFunction? { .binary(function) }

  /// What is added to each example once has the cotangent itself for its gradient.
  public func factor(
    _ graph: Graph, operands: [NodeID], cotangent: NodeID, operand: Int, size: Int
  ) -> Factor? {
    let (own, result) = (graph.shape(operands[operand]), graph.shape(cotangent))
    guard function == .add, result.rank >= 2, own.rank < result.rank, result[0] == size,
      own.count * size == result.count
    else { return nil }
    return Factor(parameter: operands[operand], form: .whole, cotangent: cotangent)
  }

  /// Runs of the last axes that are contiguous in both operands go to the bulk kernel.
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let function = function
    var loops = StridedLoops(broadcasting: operands[0], operands[1], to: result)
    let run = loops.removeInnermost()
    return { [loops] operands in
      let (x, y) = (operands[0], operands[1])
      var z = operands.result
      loops.forEach { offsetX, offsetY in
        Scalar.zip(
          function, run.extent, x + offsetX, run.strideA == 1, y + offsetY, run.strideB == 1, z)
        z += run.extent
      }
    }
  }
}

extension Graph {
  /// x + y, broadcasting.
  public mutating func add(_ x: NodeID, _ y: NodeID) -> NodeID {
    if isConstant(x, 0, asLargeAs: y) { return y }
    if isConstant(y, 0, asLargeAs: x) { return x }
    return add(Binary(.add), unrepeated(x, for: y), unrepeated(y, for: x))
  }

  /// x − y, broadcasting.
  public mutating func subtract(_ x: NodeID, _ y: NodeID) -> NodeID {
    isConstant(y, 0, asLargeAs: x) ? x : add(Binary(.subtract), x, y)
  }

  /// x · y, broadcasting.
  public mutating func multiply(_ x: NodeID, _ y: NodeID) -> NodeID {
    if isConstant(x, 1, asLargeAs: y) { return y }
    if isConstant(y, 1, asLargeAs: x) { return x }
    return add(Binary(.multiply), x, y)
  }

  /// x / y, broadcasting.
  public mutating func divide(_ x: NodeID, _ y: NodeID) -> NodeID { add(Binary(.divide), x, y) }

  /// f(x, y), broadcasting.
  public mutating func binary(_ function: BinaryFunction, _ x: NodeID, _ y: NodeID) -> NodeID {
    switch function {
    case .add: add(x, y)
    case .subtract: subtract(x, y)
    case .multiply: multiply(x, y)
    case .divide: divide(x, y)
    default: add(Binary(function), x, y)
    }
  }

  /// x where the condition is not 0, else 0, broadcasting; what x is there does not matter.
  public mutating func mask(_ condition: NodeID, _ x: NodeID) -> NodeID {
    binary(.mask, condition, x)
  }

  /// The sum of terms of one shape in their order; nil of none.
  mutating func sum(of terms: [NodeID]) -> NodeID? {
    guard var total = terms.first else { return nil }
    for term in terms.dropFirst() { total = add(total, term) }
    return total
  }

  /// x before it was repeated, where meeting y repeats it just so.
  private func unrepeated(_ x: NodeID, for y: NodeID) -> NodeID {
    guard self[x].primitive is Broadcast else { return x }
    let source = self[x].operands[0]
    return shape(source).broadcast(with: shape(y)) == shape(x) && shape(y) == shape(x) ? source : x
  }

  /// Whether x is this constant and leaves y's shape alone when they meet.
  private func isConstant(_ x: NodeID, _ value: Double, asLargeAs y: NodeID) -> Bool {
    constantValue(x) == value && shape(x).broadcast(with: shape(y)) == shape(y)
  }
}
