import TensorCore

/// What an exporter did to the weights of a model, and what that means for scores.
struct ONNXExportNotes {
  private let parameters: [ONNXProgram.Parameter]
  private let nodes: [ONNXGraph.Node]
  private let isOfPyTorch: Bool
  /// Whether the file says which arrays are parameters, so that nothing has to be guessed.
  private let isDeclared: Bool

  /// How a model is exported with its weights as they are.
  static let recipe =
    "torch.onnx.export(model, (x,), path, dynamo=True, optimize=False, external_data=False)"

  /// The parameters and the nodes that an output needs.
  init(_ source: ONNXGraph, _ parameters: [ONNXProgram.Parameter], output: String) {
    self.parameters = parameters
    isOfPyTorch = source.producer.hasPrefix("pytorch")
    isDeclared = source.signature.isPresent
    let needed = source.needed(for: [output]).nodes
    nodes = zip(source.nodes, needed).filter(\.1).map(\.0)
  }

  /// One line each.
  func notes() throws(FormatError) -> [String] {
    let lines =
      isDeclared
      ? [remade].compactMap(\.self) : [renamed, try tied(), merged, constants].compactMap(\.self)
    guard !lines.isEmpty, isOfPyTorch else { return lines }
    return lines + ["an export that keeps the weights: \(Self.recipe)"]
  }

  /// Whether an exporter made up the name: `val_84`, `onnx::MatMul_132`, `12`, or one after the
  /// operation that was computed beforehand, such as `zeros_like` and `embedding_1`.
  static func isExportersOwn(_ name: String) -> Bool {
    if name.hasPrefix("onnx::") || !name.contains(where: { !$0.isASCII || !$0.isNumber }) {
      return true
    }
    let (stem, isNumbered) = stem(of: name)
    return isNumbered && stem == "const" || isNamedByOperation(name)
  }

  /// Whether a name says that an operation was computed beforehand.
  static func isNamedByOperation(_ name: String) -> Bool {
    let (stem, isNumbered) = stem(of: name)
    return isNumbered && stem == "val" || operations.contains(stem)
  }

  /// `embedding` of `embedding_1`.
  private static func stem(of name: String) -> (stem: String, isNumbered: Bool) {
    let parts = name.split(separator: "_")
    let isNumbered = parts.last.map { Int($0) != nil } ?? false
    return (parts.dropLast(isNumbered ? 1 : 0).joined(separator: "_"), isNumbered)
  }

  private static let operations: Set<String> = [
    "add", "arange", "cos", "div", "dpa_one", "dpa_scale", "dpa_zero", "dpa_zero_weights",
    "embedding", "expand", "full", "full_like", "mul", "ones", "ones_like", "permute",
    "scalar_tensor", "scalar_tensor_default", "select", "sin", "slice", "sub", "transpose",
    "tril", "triu", "unsqueeze", "view", "where", "zeros", "zeros_like",
  ]

  /// The first names, and how many there are more.
  static func list(_ names: [String]) -> String {
    let shown = names.prefix(4).map(FormatError.quoted).joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \(names.count - 4) more" : shown
  }

  private static let products: Set<String> = ["MatMul", "Gemm", "Conv", "ConvTranspose"]

  /// Parameters that the exporter wrote in another order of their elements.
  private var remade: String? {
    let names = parameters.filter { $0.role == .parameter(.computed) }.map(\.name)
    guard !names.isEmpty else { return nil }
    return "parameters in another order of their elements: \(Self.list(names)). Scores are the same"
  }

  /// Weights that the exporter computed: folded normalizations, transposed matrices.
  private var renamed: String? {
    let own = Set(parameters.map(\.name).filter(Self.isExportersOwn))
    if !isOfPyTorch && !own.isEmpty {
      return
        "weights under names of the exporter's own: \(Self.list(own.sorted())). Checkpoints under "
        + "the model's names have to be mapped to them"
    }
    // A bias named after its weight is one that the model did not have.
    let biases = nodes.filter { $0.operatorName.hasPrefix("Conv") }.map(\.inputs).flatMap {
      inputs in inputs.dropFirst().filter { $0 == inputs[1] + "_bias" }
    }
    let names = parameters.map(\.name).filter { own.contains($0) || biases.contains($0) }
    guard !names.isEmpty else { return nil }
    return "weights that the exporter made, transposed or with others computed into them: "
      + Self.list(names)
      + ". Where they are only transposed, scores are the same; otherwise they are of these weights "
      + "and not of the model's own"
  }

  /// Matrices that are equal, perhaps with their axes swapped.
  ///
  /// They are compared by hashes with a seed of this run, each matrix as it is and swapped.
  private func tied() throws(FormatError) -> String? {
    var seen: [Int: String] = [:]
    var pairs: [String] = []
    for parameter in parameters where parameter.array.shape.rank == 2 {
      let shape = parameter.array.shape
      guard shape[0] > 1, shape[1] > 1, parameter.isTrainable else { continue }
      let elements = try parameter.array.tensor(as: Float.self).scalars
      guard let first = elements.first, elements.contains(where: { $0 != first }) else {
        continue
      }
      let (rows, columns) = (shape[0], shape[1])
      let key = Self.hash(elements, rows, columns)
      if let twin = seen[key] {
        pairs.append("\(FormatError.quoted(parameter.name)) is \(FormatError.quoted(twin)) again")
        continue
      }
      let swapped = (0..<columns).flatMap { column in
        (0..<rows).map { elements[$0 * columns + column] }
      }
      seen[key] = parameter.name
      seen[Self.hash(swapped, columns, rows)] = parameter.name
    }
    guard !pairs.isEmpty else { return nil }
    let shown = pairs.prefix(4).joined(separator: ", ")
    let more = pairs.count > 4 ? " and \(pairs.count - 4) more" : ""
    return "tied weights stand in the file twice: \(shown)\(more)"
      + ". Scores take them for two weights, without the products of one use with the other"
  }

  private static func hash(_ elements: [Float], _ rows: Int, _ columns: Int) -> Int {
    var hasher = Hasher()
    hasher.combine(rows)
    hasher.combine(columns)
    elements.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
  }

  /// Weights of equal elements that became one.
  private var merged: String? {
    let names = Set(parameters.map(\.name))
    let copies = nodes.filter {
      $0.operatorName == "Identity" && names.contains($0.inputs.first ?? "")
    }.map { "\(FormatError.quoted($0.outputs.first ?? "")) is \(FormatError.quoted($0.inputs[0]))" }
    guard !copies.isEmpty else { return nil }
    return "weights that happen to be equal became one: " + copies.prefix(4).joined(separator: ", ")
      + ". Their gradients are added up; export a trained model"
  }

  /// Matrices that stand in nodes instead of initializers.
  private var constants: String? {
    var matrices: Set<String> = []
    for node in nodes where node.operatorName == "Constant" {
      guard case .tensor(let array)? = node.attributes["value"], array.shape.rank >= 2,
        array.elementType.isFloatingPoint, let name = node.outputs.first
      else { continue }
      matrices.insert(name)
    }
    let used = nodes.filter { Self.products.contains($0.operatorName) }.flatMap(\.inputs)
      .filter(matrices.contains)
    guard !used.isEmpty else { return nil }
    return
      "weights that stand in the file as constants: \(Self.list(used)). They are no parameters: "
      + "scores do not see them"
  }
}
