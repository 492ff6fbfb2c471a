public import Autodiff
public import TensorCore

/// The computation of an ONNX file for one example, ready to be added to a graph.
///
/// The batch axis, the first one of every input, has extent 1. What the file names an initializer
/// becomes a parameter; what is known before there are data is computed at once.
public struct ONNXProgram: Sendable {
  /// An input of the model.
  public struct Input: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// `[1, …]` for one example.
    public let shape: Shape
    /// Whether it holds whole numbers, such as tokens.
    public let isWhole: Bool
  }

  /// An array that the output is computed from, and that training made.
  public struct Parameter: Sendable {
    /// The name of the initializer.
    public let name: String
    /// Its shape and elements in the file.
    public let array: StoredArray
    /// What it is to training, and on what evidence.
    public let role: Role
    /// Whether training changes it by a gradient.
    public var isTrainable: Bool { if case .parameter = role { true } else { false } }
  }

  /// A value that depends on the data, and the operator that makes it.
  public struct Operation: Sendable {
    /// What it does, such as `Conv`.
    public let operatorName: String
    /// The name of the value.
    public let output: String
    /// `[1, …]` for one example.
    public let shape: Shape
  }

  /// The inputs in the order of the file.
  public let inputs: [Input]
  /// The name of the output.
  public let outputName: String
  /// The shape of the output for one example.
  public let outputShape: Shape
  /// The floating-point initializers that the output needs, in the order of the file.
  public let parameters: [Parameter]
  /// The operators that are left for each example, in order.
  public let operations: [Operation]
  /// Values that are a copy of a parameter under another name, and which parameter; exporters put
  /// them where two arrays were equal.
  public let copies: [String: String]
  /// Where the output is made of probabilities: the operator that makes them, and the name of the
  /// logits that it takes.
  public let probabilities: (operatorName: String, logits: String)?
  /// How many numbers all inputs together have for an example.
  var inputCount: Int { inputs.reduce(0) { $0 + $1.shape.count } }
  /// Whether the exporter wrote which arrays are parameters.
  public let declaresParameters: Bool
  /// What a person should know about the file before trusting scores that are made with it.
  public let notes: [String]

  /// How PyTorch exports a model with its weights as they are.
  public static let exportRecipe = ONNXExportNotes.recipe

  private let source: ONNXGraph
  private let file: String

  /// Understands a file.
  ///
  /// - Parameters:
  ///   - source: What the file holds.
  ///   - file: Its path, for messages.
  ///   - output: The name of an output, or of a value inside of the graph; nil for the first output.
  ///   - itemShapes: The shapes of an example's inputs without the batch axis, by name, where the data
  ///     say them; needed where the file leaves extents open.
  ///   - rowCount: How many numbers all inputs of an example have together; says one open extent.
  ///   - patterns: Which arrays a person calls trained.
  ///   - known: The names of the arrays of the checkpoints.
  /// - Throws: `FormatError`, naming the node, where an operator is not supported or does not fit, or
  ///   naming the parameters of the module that the exporter lost.
  /// - Complexity: O(nodes), and one pass over the weights.
  public init(
    _ source: ONNXGraph, file: String, output: String? = nil, itemShapes: [String: [Int]] = [:],
    rowCount: Int? = nil, patterns: NamePatterns = NamePatterns(), known: Set<String> = []
  ) throws(FormatError) {
    func fault(_ found: String, _ expected: String = "", _ remedy: String = "") -> FormatError {
      FormatError(.malformed, file: file, found: found, expected: expected, remedy: remedy)
    }
    let outputs = source.outputs.map(\.name)
    guard let name = output ?? outputs.first,
      outputs.contains(name) || source.nodes.contains(where: { $0.outputs.contains(name) })
    else {
      let names = outputs.map(FormatError.quoted).joined(separator: ", ")
      throw fault(output.map { "no output \(FormatError.quoted($0))" } ?? "no outputs", names)
    }
    inputs = try ONNXInputShapes(
      source, file: file, itemShapes: itemShapes, rowCount: rowCount
    ).inputs()
    var graph = Graph()
    var values: [String: ONNXValue] = [:]
    for (input, declared) in zip(inputs, source.inputs) {
      let type = declared.elementType ?? .float32
      values[input.name] = .computed(graph.input("input \(input.name)", input.shape), type)
    }
    let arrays = source.initializers.map(\.name)
    let others = source.signature.entries.map(\.target)
    if let pattern = patterns.unmatched(by: arrays + others + known) {
      throw fault(
        "no array that the pattern \(FormatError.quoted(pattern)) stands for",
        "the names of arrays: \(ONNXExportNotes.list(arrays))")
    }
    let losses = ONNXLosses(source, outputs: [name], patterns: patterns)
    try losses.check(file: file)
    let candidates = try ONNXParameters(
      source, outputs: [name], file: file, patterns: patterns, known: known)
    var ids: [String: NodeID] = [:]
    for found in candidates.arrays {
      ids[found.array.name] = graph.input("parameter \(found.array.name)", found.array.array.shape)
    }
    var interpreter = ONNXInterpreter(
      source, file: file, graph: graph, inputs: values, parameters: ids)
    guard case .computed(let id, let type)? = try interpreter.run(outputs: [name]).first,
      type.isFloatingPoint
    else {
      throw fault(
        "the output \(FormatError.quoted(name)), which is no array of numbers that depends on the "
          + "inputs", outputs.count > 1 ? "another output" : "")
    }
    let uses = source.uses(for: [name])
    operations = interpreter.operations
    graph = interpreter.finish()
    let (needed, differentiable) = (graph.leaves(of: id), graph.differentiableLeaves(of: id))
    parameters = candidates.arrays.compactMap { found in
      guard let id = ids[found.array.name], needed.contains(id) else { return nil }
      var role = found.role
      if case .parameter = role, !differentiable.contains(id) { role = .unreached }
      return Parameter(name: found.array.name, array: found.array.array, role: role)
    }
    let trained = Set(parameters.map(\.name))
    let identities = source.nodes.filter { $0.operatorName == "Identity" && $0.outputs.count == 1 }
    copies = Dictionary(
      identities.compactMap { node in
        node.inputs.first.flatMap { trained.contains($0) ? (node.outputs[0], $0) : nil }
      }, uniquingKeysWith: { first, _ in first })
    declaresParameters = source.signature.isPresent
    probabilities = source.probabilities(of: name)
    outputName = name
    outputShape = graph.shape(id)
    if let meeting = ONNXBatchProbe(source, file: file, output: name).meeting(inputs) {
      throw fault(
        "items of a batch meet, at the latest in the operator that makes "
          + "\(FormatError.quoted(meeting.output)) "
          + "(\(FormatError.printable(meeting.operatorName, limit: 60)))",
        "outputs of each item alone: otherwise an item has no gradient of its own")
    }
    let shared = parameters.filter(\.isTrainable).map(\.name).filter(uses.shared.contains)
    let unmentioned = losses.unmentioned
    notes =
      (shared.isEmpty
        ? []
        : [
          "statistics of a batch normalization that are used elsewhere too, and so are trained: "
            + ONNXExportNotes.list(shared)
        ])
      + (outputs.count > 1 && output == nil
        ? ["of \(outputs.count) outputs, the first one is taken: \(FormatError.quoted(name))"] : [])
      + (unmentioned.isEmpty
        ? []
        : [
          "parameters of the module that no array of the file stands for, unused or tied to "
            + "another: \(ONNXExportNotes.list(unmentioned))"
        ])
      + candidates.notes + (try ONNXExportNotes(source, parameters, output: name).notes())
    self.source = source
    self.file = file
  }

  /// Adds the output for one example to a graph.
  ///
  /// - Parameters:
  ///   - graph: The graph.
  ///   - inputs: A value for each of ``inputs``, of its shape.
  ///   - parameters: A value for each of ``parameters``, of its shape.
  /// - Returns: The output, of ``outputShape``.
  /// - Precondition: As many values as inputs and parameters, of their shapes.
  public func output(
    _ graph: inout Graph, inputs: [NodeID], parameters: [NodeID]
  ) throws(FormatError) -> NodeID {
    try values(&graph, inputs: inputs, parameters: parameters).output
  }

  /// A whole number that the graph computes from data, and where.
  package struct WholeNumber: Sendable {
    /// The array.
    package let value: NodeID
    /// The operator that makes it, such as `Mul`.
    package let operatorName: String
    /// Its name in the file.
    package let name: String
    /// What the file holds it as: beyond the ends of this type it would have begun anew.
    package let elementType: ElementType
  }

  /// Adds the output for one example to a graph, and says which values ``operations`` make and which
  /// of them are whole numbers of arithmetic, which may outgrow what a scalar holds.
  package func values(
    _ graph: inout Graph, inputs: [NodeID], parameters: [NodeID]
  ) throws(FormatError) -> (output: NodeID, made: [NodeID], wholeNumbers: [WholeNumber]) {
    precondition(inputs.count == self.inputs.count && parameters.count == self.parameters.count)
    var values: [String: ONNXValue] = [:]
    for (index, id) in inputs.enumerated() {
      precondition(graph.shape(id) == self.inputs[index].shape, "an input of another shape")
      let type = source.inputs[index].elementType ?? .float32
      values[self.inputs[index].name] = .computed(id, type)
    }
    var ids: [String: NodeID] = [:]
    for (index, id) in parameters.enumerated() {
      precondition(
        graph.shape(id) == self.parameters[index].array.shape, "a parameter of another shape")
      ids[self.parameters[index].name] = id
    }
    var interpreter = ONNXInterpreter(
      source, file: file, graph: graph, inputs: values, parameters: ids)
    let results = try interpreter.run(outputs: [outputName])
    let (made, whole) = (interpreter.made.map(\.id), interpreter.wholeNumbers)
    graph = interpreter.finish()
    switch results.first {
    case .computed(let id, _)?: return (id, made, whole)
    case .constant(let constant)?:
      return (graph.literal(constant.elements, constant.shape), made, whole)
    default: throw FormatError(.malformed, file: file, found: "an output that is a sequence")
    }
  }
}
