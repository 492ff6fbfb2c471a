import Autodiff
import TensorCore

/// One node of a file while it is added to a graph: its operands, attributes and faults.
struct ONNXOperation {
  /// The largest number of elements of a value that the graph computes.
  static let mostElements = 1 << 28
  /// The largest number of elements of an array that is known before there are data.
  static let mostKnownElements = 1 << 24

  /// The most elements of all such arrays and of the graph's literals together.
  static let mostElementsHeld = 1 << 26

  /// What the file says.
  let node: ONNXGraph.Node
  /// The version of the operators.
  let opset: Int
  /// The path of the file, for messages.
  let file: String
  /// What the node reads; nil where an optional operand is left out.
  let operands: [ONNXValue?]
  /// The floating-point initializers that stand in the graph already.
  let parameters: [NodeID: StoredArray]
  /// Whether everything is known and the graph is the operator's own, to be run at once.
  let folds: Bool
  /// Where the node is added.
  var graph: Graph
  /// The known elements that stay in memory after this node.
  private(set) var held: Int
  private var unreadAttributes: Set<String>

  init(
    _ node: ONNXGraph.Node, opset: Int, file: String, operands: [ONNXValue?],
    parameters: [NodeID: StoredArray], folds: Bool, held: Int, graph: consuming Graph
  ) {
    self.node = node
    self.opset = opset
    self.file = file
    self.operands = operands
    self.parameters = parameters
    self.folds = folds
    self.held = held
    self.graph = graph
    unreadAttributes = Set(node.attributes.keys)
  }

  /// Adds the node and makes sure that each of its attributes was understood.
  mutating func run(_ body: ONNXOperator.Body) throws(FormatError) -> [ONNXValue] {
    let results = try body(&self)
    if let attribute = unreadAttributes.min() {
      throw fault("the attribute \(FormatError.quoted(attribute)), which is not supported here")
    }
    return results
  }

  /// Counts known elements before they are made.
  mutating func charge(_ count: Int) throws(FormatError) {
    guard count <= Self.mostKnownElements else {
      throw fault(
        "\(count) numbers known before there are data",
        expected: "at most \(Self.mostKnownElements)")
    }
    held += count
    guard held <= Self.mostElementsHeld else {
      throw fault(
        "\(held) numbers known before there are data, all together",
        expected: "at most \(Self.mostElementsHeld)")
    }
  }

  /// Counts what the results hold that nothing held before: the places of a sequence, and, where
  /// the operator is run at once, what it computes.
  mutating func charge(_ results: [ONNXValue]) throws(FormatError) {
    for result in results {
      switch result {
      case .constant: break
      case .computed(let id, _): if folds { try charge(graph.shape(id).count) }
      case .sequence(let values):
        try charge(values.count)
        try charge(values)
      }
    }
  }

  // MARK: Faults

  /// An error that names the node, its operator and the opset.
  func fault(_ found: String, expected: String = "", remedy: String = "") -> FormatError {
    let name =
      node.name.isEmpty ? "the node that makes \(madeName)" : "the node \(quoted(node.name))"
    return FormatError(
      .malformed, file: file,
      found: "\(name) (\(printableOperator), opset \(opset)): \(short(found))",
      expected: short(expected), remedy: remedy)
  }

  private func short(_ text: String) -> String { FormatError.printable(text, limit: 400) }
  private var madeName: String { quoted(node.outputs.first ?? "nothing") }
  private var printableOperator: String { FormatError.printable(node.operatorName, limit: 60) }
  private func quoted(_ text: String) -> String { FormatError.quoted(text) }

  // MARK: Operands

  /// Whether an optional operand is given.
  func has(_ index: Int) -> Bool { index < operands.count && operands[index] != nil }

  /// An operand as it is.
  func value(_ index: Int) throws(FormatError) -> ONNXValue {
    guard index < operands.count, let value = operands[index] else {
      throw fault("operand \(index + 1) is left out", expected: "a value")
    }
    return value
  }

  /// An operand as a value of the graph.
  mutating func input(_ index: Int) throws(FormatError) -> NodeID {
    switch try value(index) {
    case .computed(let id, _): return id
    case .constant(let constant): return literal(constant)
    case .sequence: throw fault("operand \(index + 1) is a sequence", expected: "an array")
    }
  }

  /// An optional operand as a value of the graph.
  mutating func optionalInput(_ index: Int) throws(FormatError) -> NodeID? {
    has(index) ? try input(index) : nil
  }

  /// The operands that are given, as values of the graph.
  mutating func inputs() throws(FormatError) -> [NodeID] {
    var ids: [NodeID] = []
    for index in operands.indices where has(index) { ids.append(try input(index)) }
    return ids
  }

  /// The shape of an operand.
  func shape(_ index: Int) throws(FormatError) -> Shape {
    switch try value(index) {
    case .computed(let id, _): return graph.shape(id)
    case .constant(let constant): return constant.shape
    case .sequence: throw fault("operand \(index + 1) is a sequence", expected: "an array")
    }
  }

  /// The type of an operand.
  func type(_ index: Int) throws(FormatError) -> ElementType {
    switch try value(index) {
    case .computed(_, let type): return type
    case .constant(let constant): return constant.elementType
    case .sequence: throw fault("operand \(index + 1) is a sequence", expected: "an array")
    }
  }

  /// An operand whose elements have to be known before there are data.
  func known(_ index: Int) throws(FormatError) -> ONNXConstant {
    switch try value(index) {
    case .constant(let constant): return constant
    case .computed(let id, let type):
      guard let stored = parameters[id] else {
        throw fault(
          "operand \(index + 1) depends on the data or the weights", expected: "a constant",
          remedy: "export the model with fixed shapes")
      }
      guard stored.count <= Self.mostKnownElements else { throw tooLarge(stored.shape.extents) }
      return ONNXConstant(stored.shape, type, try stored.tensor(as: Double.self).scalars)
    case .sequence: throw fault("operand \(index + 1) is a sequence", expected: "an array")
    }
  }

  /// An operand that is a known list of whole numbers.
  func integers(_ index: Int) throws(FormatError) -> [Int] { try known(index).integers }

  /// An operand that is one known number.
  func number(_ index: Int) throws(FormatError) -> Double {
    let constant = try known(index)
    guard constant.elements.count == 1 else {
      throw fault(
        "operand \(index + 1) has \(constant.elements.count) elements", expected: "one number")
    }
    return constant.elements[0]
  }

  /// An operand that is one known whole number.
  func integer(_ index: Int) throws(FormatError) -> Int { Int(saturating: try number(index)) }

  // MARK: Attributes

  /// An attribute that makes no difference here.
  mutating func ignore(_ names: String...) { unreadAttributes.subtract(names) }

  private mutating func attribute(_ name: String) -> ONNXGraph.Attribute? {
    unreadAttributes.remove(name)
    return node.attributes[name]
  }

  private func wrong(_ name: String, _ expected: String) -> FormatError {
    fault("the attribute \(name) is of another kind", expected: expected)
  }

  /// A whole number, nil where it is not given.
  mutating func int(_ name: String) throws(FormatError) -> Int? {
    guard let attribute = attribute(name) else { return nil }
    guard case .int(let value) = attribute else { throw wrong(name, "a whole number") }
    return Int(value)
  }

  /// Whole numbers, nil where they are not given.
  mutating func ints(_ name: String) throws(FormatError) -> [Int]? {
    guard let attribute = attribute(name) else { return nil }
    guard case .ints(let values) = attribute else { throw wrong(name, "whole numbers") }
    return values.map(Int.init)
  }

  /// Whole numbers from an attribute or, in later opsets, from an operand.
  mutating func integers(_ name: String, or index: Int) throws(FormatError) -> [Int] {
    if let values = try ints(name) { return values }
    return try integers(index)
  }

  /// A number, nil where it is not given.
  mutating func float(_ name: String) throws(FormatError) -> Double? {
    guard let attribute = attribute(name) else { return nil }
    guard case .float(let value) = attribute else { throw wrong(name, "a number") }
    return value
  }

  /// Numbers, nil where they are not given.
  mutating func floats(_ name: String) throws(FormatError) -> [Double]? {
    guard let attribute = attribute(name) else { return nil }
    guard case .floats(let values) = attribute else { throw wrong(name, "numbers") }
    return values
  }

  /// A text, nil where it is not given.
  mutating func string(_ name: String) throws(FormatError) -> String? {
    guard let attribute = attribute(name) else { return nil }
    guard case .string(let value) = attribute else { throw wrong(name, "a text") }
    return value
  }

  /// Texts, none where they are not given.
  mutating func strings(_ name: String) throws(FormatError) -> [String] {
    guard let attribute = attribute(name) else { return [] }
    guard case .strings(let values) = attribute else { throw wrong(name, "texts") }
    return values
  }

  /// An array, nil where it is not given.
  mutating func tensor(_ name: String) throws(FormatError) -> StoredArray? {
    guard let attribute = attribute(name) else { return nil }
    guard case .tensor(let value) = attribute else { throw wrong(name, "an array") }
    return value
  }

  /// Whether a flag is set.
  mutating func flag(_ name: String, default value: Bool = false) throws(FormatError) -> Bool {
    try int(name).map { $0 != 0 } ?? value
  }

  // MARK: Results

  /// A result of the type of an operand.
  func result(_ id: NodeID, like index: Int = 0) throws(FormatError) -> ONNXValue {
    .computed(id, try type(index))
  }
}
