import Autodiff
import TensorCore

/// Functions of two and more arguments with broadcasting.
extension ONNXOperator {
  static let arithmetic: [ONNXOperator] = [
    binary("Add", .add), binary("Sub", .subtract), binary("Mul", .multiply),
    ONNXOperator("Div") { o throws(FormatError) in
      let (a, b) = try o.aligned()
      let quotient = try o.divide(a, b)
      let isFloating = try o.type(0).isFloatingPoint
      return [try o.result(isFloating ? quotient : o.graph.unary(.truncate, quotient))]
    },
    ONNXOperator("Mod", remainder),
    ONNXOperator("Pow", power),
    fold("Max") { o, a, b throws(FormatError) in try o.extreme(.maximum, a, b) },
    fold("Min") { o, a, b throws(FormatError) in try o.extreme(.minimum, a, b) },
    fold("Sum") { o, a, b throws(FormatError) in try o.add(a, b) },
    ONNXOperator("Mean") { o throws(FormatError) in
      let total = try folded(&o) { o, a, b throws(FormatError) in try o.add(a, b) }
      return [try o.result(o.graph.affine(total, scale: 1 / Double(o.operands.count), offset: 0))]
    },
    ONNXOperator("Clip", clip),
  ]

  private typealias Combination =
    @Sendable (inout ONNXOperation, NodeID, NodeID) throws(FormatError) -> NodeID

  private static func binary(_ name: String, _ function: BinaryFunction) -> ONNXOperator {
    ONNXOperator(name) { o throws(FormatError) in
      let (a, b) = try o.aligned()
      return [try o.result(try o.binary(function, a, b))]
    }
  }

  private static func fold(_ name: String, _ combine: @escaping Combination) -> ONNXOperator {
    ONNXOperator(name) { o throws(FormatError) in [try o.result(try folded(&o, combine))] }
  }

  /// All operands, from the left.
  private static func folded(
    _ o: inout ONNXOperation, _ combine: Combination
  ) throws(FormatError) -> NodeID {
    o.ignore("consumed_inputs")
    let inputs = try o.inputs()
    guard var total = inputs.first else { throw o.fault("no operands", expected: "one at least") }
    for input in inputs.dropFirst() { total = try combine(&o, total, input) }
    return total
  }

  /// a less the multiples of b in it: with `fmod` of the sign of a, else of that of b.
  private static func remainder(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let hasSignOfFirst = try o.flag("fmod")
    let (a, b) = (try o.input(0), try o.input(1))
    let whole = o.graph.unary(.truncate, try o.divide(a, b))
    // No multiple at all, even where b is infinite.
    let multiples = o.graph.add(Binary(.mask), whole, o.graph.multiply(whole, b))
    let rest = try o.subtract(a, multiples)
    if hasSignOfFirst { return [try o.result(rest)] }
    let differs = try o.binary(.less, try o.multiply(rest, b), o.graph.constant(0))
    return [try o.result(try o.add(rest, try o.binary(.mask, differs, b)))]
  }

  private static func power(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let (x, exponent) = try o.aligned()
    let type = try o.type(0)
    let result = try o.power(x, exponent)
    let exponentType = try o.type(1)
    let drops = !type.isFloatingPoint && exponentType.isFloatingPoint
    return [.computed(drops ? o.graph.unary(.truncate, result) : result, type)]
  }

  private static func clip(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    o.ignore("consumed_inputs")
    let x = try o.input(0)
    let (least, most) = (try o.limit("min", 1), try o.limit("max", 2))
    // ReLU6 and hard tanh, which other exporters tell by nothing but their bounds.
    let bounds = [least, most].map { $0.flatMap { o.graph.constantValue($0) } }
    let target = o.node.trace.target
    let isRamp =
      target.isEmpty
      ? bounds == [0, 6] : target.contains("relu6") || target.contains("hardtanh")
    return [try o.result(try o.clipped(x, least, most, excludesBounds: isRamp))]
  }
}

extension ONNXOperation {
  /// Two operands that broadcast; with `axis` in the oldest opsets, the second one's axes start
  /// there.
  mutating func aligned() throws(FormatError) -> (NodeID, NodeID) {
    ignore("consumed_inputs", "broadcast")
    let (a, b) = (try input(0), try input(1))
    guard let first = try int("axis") else { return (a, b) }
    let (shape, rank) = (graph.shape(b), graph.shape(a).rank)
    let behind = rank - (try axis(first, rank: rank)) - shape.rank
    guard behind >= 0 else {
      throw fault("axis \(first) for operands of \(rank) and \(shape.rank)")
    }
    return (a, try reshape(b, to: shape.extents + [Int](repeating: 1, count: behind)))
  }

  /// A bound from an attribute or an operand.
  fileprivate mutating func limit(_ name: String, _ index: Int) throws(FormatError) -> NodeID? {
    if let value = try float(name) { return graph.constant(value, []) }
    guard let bound = try optionalInput(index) else { return nil }
    guard graph.shape(bound).count == 1 else {
      throw fault("a bound of shape \(graph.shape(bound))", expected: "one number")
    }
    return try reshape(bound, to: [])
  }

  /// x to some power; the usual known powers without logarithms in their derivatives.
  mutating func power(_ x: NodeID, _ exponent: NodeID) throws(FormatError) -> NodeID {
    let shape = graph.shape(exponent)
    if let constant = graph[exponent].primitive as? Constant,
      try broadcast([graph.shape(x), shape]) == graph.shape(x)
    {
      switch constant.value {
      case 1: return x
      case 2: return graph.unary(.square, x)
      case 3: return graph.multiply(x, graph.unary(.square, x))
      case 0.5: return graph.unary(.sqrt, x)
      case -0.5: return graph.unary(.reciprocal, graph.unary(.sqrt, x))
      case -1: return graph.unary(.reciprocal, x)
      default: break
      }
    }
    return try binary(.power, x, exponent)
  }
}
