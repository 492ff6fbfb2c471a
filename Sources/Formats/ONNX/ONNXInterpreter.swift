package import Autodiff
import TensorCore

/// Adds the nodes of a file to a graph, one after another.
///
/// What depends on known arrays alone, such as the arithmetic on shapes, is computed at once: the
/// operator is added to a small graph of its own, which is run.
package struct ONNXInterpreter {
  /// The most nodes that a file or the graph made of it may have.
  private static let mostNodes = 1 << 20
  /// The most steps of computing before there are data, all together.
  private static let mostFoldedWork = 1 << 31
  /// The most rounds of loops, all together.
  private static let mostRounds = 1 << 16
  /// The deepest branches within branches.
  private static let deepest = 16

  private let source: ONNXGraph
  private let file: String
  private var graph: Graph
  private var values: [String: ONNXValue]
  /// The initializers that are parameters, by name.
  private let parameters: [String: NodeID]
  private let stored: [NodeID: StoredArray]
  private var foldedWork = 0
  /// The rounds of loops so far.
  private var rounds = 0
  /// The elements of known arrays and literals so far.
  private var held = 0
  /// What was added to the graph, in order.
  package var operations: [ONNXProgram.Operation] { made.map(\.operation) }
  /// The same with the values.
  private(set) var made: [(id: NodeID, operation: ONNXProgram.Operation)] = []
  /// The whole numbers of arithmetic on data, in order.
  private(set) var wholeNumbers: [ONNXProgram.WholeNumber] = []
  /// Operators whose whole numbers can be larger than those that they take.
  private static let growing: Set<String> = [
    "Add", "Sub", "Mul", "Pow", "Sum", "ReduceSum", "ReduceProd", "ReduceSumSquare", "CumSum",
    "MatMul", "Gemm", "Einsum", "BitShift", "Neg", "Cast", "CastLike",
  ]

  /// An interpreter of a file.
  ///
  /// - Parameters:
  ///   - source: What the file holds.
  ///   - file: Its path, for messages.
  ///   - graph: Where the nodes are added.
  ///   - inputs: The values of the file's inputs by name.
  ///   - parameters: The initializers that are parameters, by name; the others are constants.
  package init(
    _ source: ONNXGraph, file: String, graph: consuming Graph, inputs: [String: ONNXValue],
    parameters: [String: NodeID]
  ) {
    self.source = source
    self.file = file
    self.graph = graph
    self.parameters = parameters
    values = inputs
    var stored: [NodeID: StoredArray] = [:]
    for initializer in source.initializers {
      if let id = parameters[initializer.name] { stored[id] = initializer.array }
    }
    self.stored = stored
  }

  /// The graph with what was added.
  package consuming func finish() -> Graph { graph }

  /// Adds what these outputs need.
  package mutating func run(outputs: [String]) throws(FormatError) -> [ONNXValue] {
    try run(source, outputs: outputs, depth: 0)
  }

  private mutating func run(
    _ source: ONNXGraph, outputs: [String], depth: Int
  ) throws(FormatError) -> [ONNXValue] {
    guard depth <= Self.deepest else {
      throw fault("branches within branches", expected: "at most \(Self.deepest) deep")
    }
    guard source.nodes.count <= Self.mostNodes else {
      throw fault("\(source.nodes.count) nodes", expected: "at most \(Self.mostNodes)")
    }
    let needed = source.needed(for: outputs)
    for initializer in source.initializers where needed.values.contains(initializer.name) {
      values[initializer.name] = try value(of: initializer)
    }
    for (index, node) in source.nodes.enumerated() where needed.nodes[index] {
      try add(node, depth: depth, needed: needed.values)
    }
    var results: [ONNXValue] = []
    for output in outputs {
      guard let value = values[output] else {
        throw fault("the output \(FormatError.quoted(output)), which nothing makes")
      }
      results.append(value)
    }
    return results
  }

  private func fault(_ found: String, expected: String = "") -> FormatError {
    FormatError(.malformed, file: file, found: found, expected: expected)
  }

  private mutating func value(of initializer: NamedArray) throws(FormatError) -> ONNXValue {
    let array = initializer.array
    if let id = parameters[initializer.name] { return .computed(id, array.elementType) }
    // Many names may stand for the same bytes of another file.
    let (sum, overflows) = held.addingReportingOverflow(array.count)
    guard !overflows, sum <= ONNXOperation.mostElementsHeld else {
      throw fault(
        "constants of more than \(ONNXOperation.mostElementsHeld) elements, all together")
    }
    held = sum
    return .constant(try ONNXConstant(array, name: initializer.name, file: file))
  }

  private mutating func add(
    _ node: ONNXGraph.Node, depth: Int, needed: Set<String>
  ) throws(FormatError) {
    var operands: [ONNXValue?] = []
    for name in node.inputs {
      guard !name.isEmpty else {
        operands.append(nil)
        continue
      }
      guard let value = values[name] else {
        throw fault(
          "a node (\(FormatError.printable(node.operatorName, limit: 60))) reads "
            + "\(FormatError.quoted(name)), which nothing before it makes")
      }
      operands.append(value)
    }
    let results: [ONNXValue]
    if node.operatorName == "If" && node.domain.isEmpty {
      results = try branch(node, operands, depth: depth)
    } else if node.operatorName == "Loop" && node.domain.isEmpty {
      results = try loop(node, operands, depth: depth)
    } else {
      results = try self.results(of: node, operands)
    }
    guard graph.nodes.count <= Self.mostNodes else {
      throw fault("a model of more than \(Self.mostNodes) operations")
    }
    if let name = node.outputs.dropFirst(results.count).first(where: {
      !$0.isEmpty && needed.contains($0)
    }) {
      throw fault(
        "\(FormatError.quoted(name)), output \(results.count + 1) or later of a node "
          + "(\(FormatError.printable(node.operatorName, limit: 60))), which is not supported")
    }
    for (name, value) in zip(node.outputs, results) where !name.isEmpty {
      values[name] = value
      guard case .computed(let id, let type) = value else { continue }
      if !type.isFloatingPoint, type != .bool, Self.growing.contains(node.operatorName) {
        wholeNumbers.append(
          .init(
            value: id, operatorName: node.operatorName, name: name, elementType: type))
      }
      made.append(
        (id, .init(operatorName: node.operatorName, output: name, shape: graph.shape(id))))
    }
  }

  private mutating func results(
    of node: ONNXGraph.Node, _ operands: [ONNXValue?]
  ) throws(FormatError) -> [ONNXValue] {
    let folds = operands.allSatisfy { $0?.isConstant ?? true }
    // Taken out, so that the operation holds the only reference and nothing is copied.
    var operation = ONNXOperation(
      node, opset: source.opset, file: file, operands: operands, parameters: stored, folds: folds,
      held: held, graph: folds ? Graph() : exchange(&graph, for: Graph()))
    guard ["", "ai.onnx"].contains(node.domain),
      let meaning = ONNXOperatorRegistry.find(node.operatorName, opset: source.opset)
    else {
      let domain = node.domain.isEmpty ? "" : " of \(FormatError.quoted(node.domain))"
      throw operation.fault(
        "the operator \(FormatError.printable(node.operatorName, limit: 60))\(domain) "
          + "is not supported")
    }
    let results = try operation.run(meaning.body)
    try operation.charge(results)
    held = operation.held
    guard folds else {
      graph = operation.graph
      return results
    }
    return try operation.folded(results, work: &foldedWork, limit: Self.mostFoldedWork)
  }

  /// An operation that is not of the model's graph: for operators that are followed, not added.
  private func known(_ node: ONNXGraph.Node, _ operands: [ONNXValue?]) -> ONNXOperation {
    ONNXOperation(
      node, opset: source.opset, file: file, operands: operands, parameters: stored, folds: true,
      held: held, graph: Graph())
  }

  /// The branch that a known condition takes.
  private mutating func branch(
    _ node: ONNXGraph.Node, _ operands: [ONNXValue?], depth: Int
  ) throws(FormatError) -> [ONNXValue] {
    let operation = known(node, operands)
    guard case .constant(let condition)? = operands.first ?? nil, condition.elements.count == 1
    else {
      throw operation.fault(
        "a condition that depends on the data", expected: "a constant",
        remedy: "export the model without branches")
    }
    let name = condition.elements[0] != 0 ? "then_branch" : "else_branch"
    guard case .graph(let branch)? = node.attributes[name] else {
      throw operation.fault("no attribute \(name)")
    }
    let outputs = branch.outputs.map(\.name)
    let weights = try ONNXParameters(branch, outputs: outputs, file: file).arrays
    guard weights.isEmpty else {
      throw operation.fault(
        "weights inside of a branch: \(ONNXExportNotes.list(weights.map(\.array.name)))",
        expected: "weights of the whole model, which are parameters",
        remedy: "export the model without branches")
    }
    // What the branch defines is seen inside of it alone.
    let defined = branch.initializers.map(\.name) + branch.nodes.flatMap(\.outputs)
    let outer = defined.map { values[$0] }
    defer { for (name, value) in zip(defined, outer) { values[name] = value } }
    return try run(branch, outputs: outputs, depth: depth + 1)
  }
}

extension ONNXInterpreter {
  /// A loop whose rounds are known before there are data, written out one after another.
  private mutating func loop(
    _ node: ONNXGraph.Node, _ operands: [ONNXValue?], depth: Int
  ) throws(FormatError) -> [ONNXValue] {
    let operation = known(node, operands)
    let remedy = "export the model with its loops unrolled"
    func number(_ value: ONNXValue?, _ what: String) throws(FormatError) -> Double? {
      guard let value else { return nil }
      guard case .constant(let constant) = value, constant.elements.count == 1 else {
        throw operation.fault(
          "\(what) that depends on the data, which is not supported", remedy: remedy)
      }
      return constant.elements[0]
    }
    guard case .graph(let body)? = node.attributes["body"] else {
      throw operation.fault("no attribute body")
    }
    let most = try number(operands.first ?? nil, "a number of rounds")
    var goes = try number(operands.count > 1 ? operands[1] : nil, "a condition") != 0
    var carried: [ONNXValue] = []
    for operand in operands.dropFirst(2) {
      guard let operand else { throw operation.fault("a value left out", expected: "one") }
      carried.append(operand)
    }
    let (names, outputs) = (body.inputs.map(\.name), body.outputs.map(\.name))
    guard names.count == carried.count + 2, outputs.count == carried.count + 1 else {
      throw operation.fault(
        "a body of \(names.count) inputs and \(outputs.count) outputs",
        expected: "\(carried.count + 2) and \(carried.count + 1), without rows that are collected",
        remedy: remedy)
    }
    let weights = try ONNXParameters(body, outputs: outputs, file: file).arrays
    guard weights.isEmpty else {
      throw operation.fault(
        "weights inside of a loop: \(ONNXExportNotes.list(weights.map(\.array.name)))",
        expected: "weights of the whole model, which are parameters", remedy: remedy)
    }
    // What the body defines is seen inside of it alone.
    let defined = names + body.initializers.map(\.name) + body.nodes.flatMap(\.outputs)
    let outer = defined.map { values[$0] }
    defer { for (name, value) in zip(defined, outer) { values[name] = value } }
    var round = 0
    while goes, most.map({ Double(round) < $0 }) ?? true {
      rounds += 1
      guard rounds <= Self.mostRounds else {
        throw operation.fault("more than \(Self.mostRounds) rounds of loops")
      }
      values[names[0]] = .constant(ONNXConstant([], .int64, [Double(round)]))
      values[names[1]] = .constant(ONNXConstant([], .bool, [1]))
      for (name, value) in zip(names.dropFirst(2), carried) { values[name] = value }
      let results = try run(body, outputs: outputs, depth: depth + 1)
      goes = try number(results[0], "a condition") != 0
      carried = Array(results.dropFirst())
      round += 1
    }
    return carried
  }
}

private func exchange<Value>(_ value: inout Value, for other: Value) -> Value {
  let old = value
  value = other
  return old
}

extension ONNXValue {
  /// Whether all of it is known.
  var isConstant: Bool {
    switch self {
    case .constant: true
    case .computed: false
    case .sequence(let values): values.allSatisfy(\.isConstant)
    }
  }
}

extension ONNXConstant {
  /// The elements of an initializer or attribute.
  init(_ array: StoredArray, name: String, file: String) throws(FormatError) {
    guard array.shape.isBounded(by: ONNXOperation.mostKnownElements) else {
      throw FormatError(
        .malformed, file: file,
        found: "the constant \(FormatError.quoted(name)) of shape \(array.shape)",
        expected: "at most \(ONNXOperation.mostKnownElements) elements")
    }
    self.init(array.shape, array.elementType, try array.tensor(as: Double.self).scalars)
  }
}

extension ONNXGraph {
  /// Which nodes, and which values by name, some outputs need.
  func needed(for outputs: [String]) -> (nodes: [Bool], values: Set<String>) {
    var values = Set(outputs)
    var nodes = [Bool](repeating: false, count: self.nodes.count)
    for (index, node) in self.nodes.enumerated().reversed()
    where node.outputs.contains(where: { !$0.isEmpty && values.contains($0) }) {
      nodes[index] = true
      values.formUnion(node.inputs)
      for case .graph(let branch) in node.attributes.values { values.formUnion(branch.captured) }
    }
    return (nodes, values)
  }

  /// Every name that the nodes of a branch read.
  private var captured: Set<String> {
    var names = Set(outputs.map(\.name))
    for node in nodes {
      names.formUnion(node.inputs)
      for case .graph(let branch) in node.attributes.values { names.formUnion(branch.captured) }
    }
    return names
  }
}
