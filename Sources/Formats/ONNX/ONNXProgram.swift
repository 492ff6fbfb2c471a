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
    /// Whether training changes it by a gradient; not so the statistics of a batch normalization, and
    /// what no derivative reaches.
    public let isTrainable: Bool
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
  ///   - output: The name of the output; nil for the first one.
  ///   - itemShapes: The shapes of an example's inputs without the batch axis, by name, where the data
  ///     say them; needed where the file leaves extents open.
  /// - Throws: `FormatError`, naming the node, where an operator is not supported or does not fit.
  /// - Complexity: O(nodes), and one pass over the weights.
  public init(
    _ source: ONNXGraph, file: String, output: String? = nil, itemShapes: [String: [Int]] = [:]
  ) throws(FormatError) {
    func fault(_ found: String, _ expected: String = "", _ remedy: String = "") -> FormatError {
      FormatError(.malformed, file: file, found: found, expected: expected, remedy: remedy)
    }
    let outputs = source.outputs.map(\.name)
    guard let name = output ?? outputs.first, outputs.contains(name) else {
      let names = outputs.map(FormatError.quoted).joined(separator: ", ")
      throw fault(output.map { "no output \(FormatError.quoted($0))" } ?? "no outputs", names)
    }
    inputs = try ONNXInputShapes(source, file: file, itemShapes: itemShapes).inputs()
    var graph = Graph()
    var values: [String: ONNXValue] = [:]
    for (input, declared) in zip(inputs, source.inputs) {
      let type = declared.elementType ?? .float32
      values[input.name] = .computed(graph.input("input \(input.name)", input.shape), type)
    }
    let candidates = try ONNXParameters(source, outputs: [name], file: file)
    var ids: [String: NodeID] = [:]
    for array in candidates.arrays {
      ids[array.name] = graph.input("parameter \(array.name)", array.array.shape)
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
    let buffers = uses.buffers
    operations = interpreter.operations
    graph = interpreter.finish()
    let (needed, differentiable) = (graph.leaves(of: id), graph.differentiableLeaves(of: id))
    parameters = candidates.arrays.compactMap { array in
      guard let id = ids[array.name], needed.contains(id) else { return nil }
      let isTrainable = differentiable.contains(id) && !buffers.contains(array.name)
      return Parameter(name: array.name, array: array.array, isTrainable: isTrainable)
    }
    outputName = name
    outputShape = graph.shape(id)
    let shared = parameters.map(\.name).filter(uses.shared.contains)
    notes =
      (shared.isEmpty
        ? []
        : [
          "statistics of a batch normalization that are used elsewhere too, and so are trained: "
            + ONNXExportNotes.list(shared)
        ])
      + (outputs.count > 1 && output == nil
        ? ["of \(outputs.count) outputs, the first one is taken: \(FormatError.quoted(name))"] : [])
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
    graph = interpreter.finish()
    switch results.first {
    case .computed(let id, _)?: return id
    case .constant(let constant)?: return graph.literal(constant.elements, constant.shape)
    default: throw FormatError(.malformed, file: file, found: "an output that is a sequence")
    }
  }
}
