public import Autodiff
public import Formats
public import TensorCore

/// A network from an ONNX file, whose weights are its parameters.
///
/// The file's graph is taken for one example, and a batch axis is put in front of it: items cannot
/// meet. Parameters are named as in the file. Several inputs are taken from one row of numbers for
/// each item, one after the other in the order of the file.
public struct ONNXModel: Model {
  /// The path of the file, or what a run record calls it.
  public let specification: String
  /// The file.
  public let file: ByteSource?
  /// The names of further files that hold its weights.
  let externalFiles: [String]
  /// Trained parameters first, then statistics that stay as they are.
  public let layout: ParameterLayout
  /// The shape of the only input without its batch axis, or `[I]` for several.
  public let inputShape: Shape
  /// The shape of the output without its batch axis.
  public let outputShape: Shape
  /// V where the only input holds tokens.
  public let vocabulary: Int?
  /// Whether an input is declared to hold whole numbers.
  public let takesWholeNumbers: Bool
  /// What a person should know about the file before trusting scores that are made with it.
  public let notes: [String]
  /// The operators that are left for each item, in order.
  public let operations: [ONNXProgram.Operation]
  /// What a person says about it.
  public let settings: ModelSettings
  /// What each array of ``layout`` is to training, and on what evidence.
  public let roles: [ONNXProgram.Role]
  /// Values of the file that are copies of a parameter, and of which.
  let copies: [String: String]
  /// Whether the exporter wrote which arrays are parameters.
  let declaresParameters: Bool
  /// The weights that the file holds, flat `[P]`.
  public let weights: [Double]

  /// Where the output is made of probabilities: the operator, and the name of the logits it takes.
  public let probabilities: (operatorName: String, logits: String)?
  /// The whole numbers that are computed from the inputs; nil for none.
  let wholeNumbers: WholeNumbers?

  /// The graph of one example.
  let single: Graph
  private let input: NodeID
  private let parameters: [NodeID]
  let output: NodeID
  /// The values of ``operations`` in that graph.
  let operationValues: [NodeID]

  /// Understands a file.
  ///
  /// - Parameters:
  ///   - path: A `.onnx` file.
  ///   - itemShape: The shape of one item's input where the data say it; needed where the file leaves
  ///     extents open, such as a number of positions.
  ///   - settings: What a person says about it.
  ///   - known: The names of the arrays of checkpoints, which say what is a parameter where the file
  ///     does not.
  /// - Throws: `FormatError`, naming the node or weight at fault; a file without parameters, and one
  ///   that lost parameters of the module.
  public init(
    path: String, itemShape: Shape? = nil, settings: ModelSettings = ModelSettings(),
    known: Set<String> = []
  ) throws(FormatError) {
    try self.init(
      path: path, itemShape: itemShape, settings: settings, known: known, specification: path)
  }

  init(
    path: String, itemShape: Shape?, settings: ModelSettings, known: Set<String> = [],
    specification: String
  ) throws(FormatError) {
    let bytes = try ByteSource(path: path)
    let source = try ONNXGraph(bytes)
    externalFiles = source.externalFiles
    file = bytes
    var shapes: [String: [Int]] = [:]
    let given = settings.itemShapes
    guard given.isEmpty || given.count == source.inputs.count else {
      throw FormatError(
        .malformed, file: path, found: "\(given.count) shapes of an item (--item-shape)",
        expected: "\(source.inputs.count), one for each input: "
          + source.inputs.map { FormatError.quoted($0.name) }.joined(separator: ", "))
    }
    for (input, extents) in zip(source.inputs, given) { shapes[input.name] = extents }
    if let itemShape, given.isEmpty, source.inputs.count == 1 {
      shapes[source.inputs[0].name] = Self.itemExtents(itemShape, of: source.inputs[0])
    }
    let program = try ONNXProgram(
      source, file: path, output: settings.output, itemShapes: shapes,
      rowCount: source.inputs.count > 1 ? itemShape?.count : nil, patterns: settings.patterns,
      known: known)
    guard program.outputShape.extents.first == 1 else {
      throw FormatError(
        .malformed, file: path,
        found: "an output of shape \(program.outputShape) for one item",
        expected: "the batch as its first axis")
    }
    self.specification = specification
    self.settings = settings
    notes = program.notes
    copies = program.copies
    declaresParameters = program.declaresParameters
    operations = program.operations
    let inputs = program.inputs
    // One number for each item, as squeeze(-1) leaves it, is an output of one number.
    outputShape =
      program.outputShape.rank == 1 ? [1] : Shape(Array(program.outputShape.extents.dropFirst()))
    inputShape =
      inputs.count == 1
      ? Shape(Array(inputs[0].shape.extents.dropFirst()))
      : [inputs.reduce(0) { $0 + $1.shape.count }]
    let order =
      program.parameters.filter(\.isTrainable) + program.parameters.filter { !$0.isTrainable }
    layout = ParameterLayout(
      order.filter(\.isTrainable).map { ($0.name, $0.array.shape) },
      buffers: order.filter { !$0.isTrainable }.map { ($0.name, $0.array.shape) })
    guard layout.trainableCount > 0 else {
      throw FormatError(
        .malformed, file: path,
        found: "no parameter: every array is a constant, or no derivative reaches it",
        expected: "one that training changed",
        remedy: "export with \(ONNXProgram.exportRecipe), or name parameters with --parameters")
    }
    roles = order.map(\.role)
    var weights: [Double] = []
    for parameter in order {
      weights += try parameter.array.finiteElements(parameter.name, of: path)
    }
    self.weights = weights
    var graph = Graph()
    let input = graph.input(ItemGraph.inputsLabel, inputShape)
    var places: [String: NodeID] = [:]
    for entry in layout.entries { places[entry.name] = graph.input(entry.name, entry.shape) }
    var start = 0
    let parts = inputs.map { part in
      let count = part.shape.count
      defer { start += count }
      let own =
        inputs.count == 1 ? input : graph.slice(input, axis: -1, start: start, count: count)
      return graph.reshape(own, to: part.shape)
    }
    let values = try program.values(
      &graph, inputs: parts, parameters: program.parameters.compactMap { places[$0.name] })
    output = values.output
    operationValues = values.made
    probabilities = program.probabilities
    wholeNumbers = WholeNumbers(values.wholeNumbers, of: graph)
    parameters = layout.entries.compactMap { places[$0.name] }
    self.input = input
    vocabulary =
      inputs.count == 1 && inputs[0].isWhole
      ? graph.smallestTable(indexedBy: input).map { min($0, Self.mostTokens) } : nil
    takesWholeNumbers = inputs.contains(where: \.isWhole)
    single = graph
    try tryBatch(of: path)
  }

  /// Refuses a model whose weights stand in files of their own: a run record copies one file.
  func requireOneFile() throws(FormatError) {
    guard let first = externalFiles.first else { return }
    throw FormatError(
      .malformed, file: specification,
      found: "weights in another file, \(FormatError.quoted(first))",
      expected: "all in one file, which the run record copies",
      remedy: "python -c \"import onnx; onnx.save(onnx.load('MODEL.onnx'), 'ONE.onnx')\"")
  }

  /// Whether the text of a model is the path of such a file.
  public static func isFile(_ specification: String) -> Bool {
    specification.lowercased().hasSuffix(".onnx")
  }

  /// The whole numbers that single precision holds.
  private static let mostTokens = 1 << 24

  /// An item's extents as an input declares them: a row of numbers may stand for an image.
  private static func itemExtents(_ shape: Shape, of input: ONNXGraph.Value) -> [Int]? {
    guard let extents = input.extents?.dropFirst(), extents.count != shape.rank else {
      return shape.extents
    }
    return nil
  }

  /// Refuses a network that cannot be computed for several items at once.
  private func tryBatch(of path: String) throws(FormatError) {
    var graph = Graph()
    let size = 2
    var places = [input: graph.input(ItemGraph.inputsLabel, Shape([size]).appending(inputShape))]
    for (parameter, entry) in zip(parameters, layout.entries) {
      guard !entry.name.hasPrefix("(") else {
        throw FormatError(
          .malformed, file: path, found: "a weight named \(FormatError.quoted(entry.name))",
          expected: "a name that does not begin with a bracket")
      }
      places[parameter] = graph.input(entry.name, entry.shape)
    }
    do throws(GraphError) {
      let all = try graph.batched(output, of: single, size: size, inputs: places)
      guard graph.shape(all).count == size * outputShape.count else {
        throw GraphError.notPerExample(shape: graph.shape(all))
      }
    } catch {
      throw FormatError(
        .malformed, file: path, found: "a graph that does not take a batch: \(error)")
    }
  }

  /// The file's output for each item.
  public func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    var places = Dictionary(uniqueKeysWithValues: zip(self.parameters, parameters))
    places[input] = inputs
    let size = graph.shape(inputs)[0]
    return fitting { () throws(GraphError) in
      let all = try graph.batched(output, of: single, size: size, inputs: places)
      return graph.reshape(all, to: Shape([size]).appending(outputShape))
    }
  }

  /// The weights of the file, whatever the seed.
  public func initialParameters(seed: UInt64) -> [Double] { weights }
}

extension StoredArray {
  /// The elements of a weight.
  fileprivate func finiteElements(_ name: String, of file: String) throws(FormatError) -> [Double] {
    let tensor = try tensor(as: Double.self)
    if let index = tensor.firstNonFinite {
      throw FormatError(
        .malformed, file: file, at: .element(index),
        found: "\(tensor.scalars[index]) in \(FormatError.quoted(name))",
        expected: "a finite number")
    }
    return tensor.scalars
  }
}

extension Graph {
  /// The rows of the smallest table that a value is looked up in; nil where it is not looked up.
  fileprivate func smallestTable(indexedBy value: NodeID) -> Int? {
    var same: Set<NodeID> = [value]
    // What is added to indices below 0, which count from the end: nothing for tokens.
    var shifts: Set<NodeID> = []
    var smallest: Int?
    for index in nodes.indices {
      let node = nodes[index]
      let id = NodeID(index: index)
      if node.primitive is Reshape, same.contains(node.operands[0]) {
        same.insert(id)
      } else if node.primitive is Affine, shifts.contains(node.operands[0]) {
        shifts.insert(id)
      } else if let function = (node.primitive as? Binary)?.function,
        same.contains(node.operands[0])
      {
        if function == .less { shifts.insert(id) }
        if function == .add, shifts.contains(node.operands[1]) { same.insert(id) }
      } else if node.primitive is Gather, same.contains(node.operands[1]) {
        let rows = shape(node.operands[0])[-2]
        smallest = min(smallest ?? rows, rows)
      }
    }
    return smallest
  }
}
