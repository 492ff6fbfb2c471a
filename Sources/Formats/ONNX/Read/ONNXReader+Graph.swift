import TensorCore

extension ONNXReader {
  /// Reads the `GraphProto` in a range of the file, the `depth`-th of those around one another.
  func graph(
    in range: Range<Int>, depth: Int, of model: Model
  ) throws(FormatError) -> ONNXGraph {
    guard depth <= ONNXReader.deepest else {
      throw malformed(
        at: range.lowerBound, "\(depth) graphs in one another",
        expected: "at most \(ONNXReader.deepest)", remedy: "export the model without branches")
    }
    let (nodes, initializers, inputs, outputs, sparse) = (1, 5, 11, 12, 15)
    let (innerValues, metadata) = (13, 16)
    // Quantization is not needed.
    let quantization = 14
    let (body, parts) = try file.message(
      GraphProto.self, in: range,
      apart: [nodes, initializers, inputs, outputs, sparse, innerValues, quantization, metadata])
    if let part = parts.first(where: { $0.number == sparse }) {
      throw malformed(
        at: part.range.lowerBound, "a sparse weight", expected: "dense ones",
        remedy: "export the model with dense weights")
    }
    // What the graph defines is seen inside of it alone.
    var defined: [String] = []
    defer { for name in defined { scope[name] = nil } }

    var weights: [NamedArray] = []
    for part in parts where part.number == initializers {
      let tensor = try tensor(in: part.payload)
      let offset = part.range.lowerBound
      switch tensor.content {
      case .array(let array):
        try define(tensor.name, .readable, at: offset, &defined)
        weights.append(NamedArray(tensor.name, array))
      case .unreadable(let elements):
        try define(tensor.name, .unreadable(elements: elements), at: offset, &defined)
      }
    }
    let own = Set(defined)
    var arguments: [ONNXGraph.Value] = []
    for part in parts where part.number == inputs {
      let (value, kind) = try value(part)
      // Old files list their weights among the inputs as well.
      guard !own.contains(value.name) else { continue }
      try define(value.name, kind, at: part.range.lowerBound, &defined)
      arguments.append(value)
    }
    var operators: [ONNXGraph.Node] = []
    for part in parts where part.number == nodes {
      operators.append(try node(part, depth: depth, of: model, &defined))
    }
    var results: [ONNXGraph.Value] = []
    for part in parts where part.number == outputs {
      let value = try value(part).value
      try require(value.name, for: "the graph's outputs", at: part.range.lowerBound)
      results.append(value)
    }
    var signature = ONNXSignature()
    for part in parts where part.number == innerValues {
      let (name, said) = try described(part)
      signature.read(said, of: name)
    }
    let said = try self.metadata(parts.filter { $0.number == metadata }, [ONNXSignature.key])
    if let text = said[ONNXSignature.key] { signature.read(signature: text) }
    return ONNXGraph(
      name: body.name, opset: model.opset, nodes: operators, initializers: weights,
      inputs: arguments, outputs: results, producer: model.producer,
      externalFiles: externalFiles.keys.sorted(), signature: signature)
  }

  /// Lets a name stand for a value from here on.
  func define(
    _ name: String, _ kind: ONNXValueKind, at offset: Int, _ defined: inout [String]
  ) throws(FormatError) {
    guard !name.isEmpty else {
      throw malformed(at: offset, "a value without a name", expected: "a name")
    }
    guard scope.updateValue(kind, forKey: name) == nil else {
      throw malformed(
        at: offset, "the name \(FormatError.quoted(name)) again",
        expected: "each value to be made once",
        remedy:
          "PyTorch's exporter does so where a buffer or parameter at the top of the module is "
          + "called like an operation, such as mean or add: rename it, or wrap the module")
    }
    defined.append(name)
  }

  /// Refuses a name that stands for no value yet, or for one that cannot be read.
  func require(_ name: String, for reader: String, at offset: Int) throws(FormatError) {
    switch scope[name] {
    case .readable: return
    case .unreadable(let elements):
      throw malformed(
        at: offset, "\(FormatError.quoted(name)), of type \(elements), for \(reader)",
        expected: "numbers of 8, 16, 32 or 64 bits",
        remedy: "export the model in float32, without quantization and texts")
    case nil:
      throw malformed(
        at: offset,
        "\(FormatError.quoted(name)) for \(reader), which nothing before it makes",
        expected: "an input, a weight, or the output of an operator that stands before",
        remedy: "export the model again")
    }
  }

  /// Reads the `ValueInfoProto` of an input or output.
  private func value(
    _ part: ProtobufFile.Field
  ) throws(FormatError) -> (value: ONNXGraph.Value, kind: ONNXValueKind) {
    guard part.payload.count <= ONNXReader.longestType else {
      throw malformed(
        at: part.range.lowerBound, "an input or output described by \(part.payload.count) bytes",
        expected: "at most \(ONNXReader.longestType)")
    }
    let body = try file.message(ValueInfoProto.self, in: part.payload).body
    func refused(_ found: String, _ expected: String) -> FormatError {
      malformed(
        at: part.range.lowerBound, "\(found) as the type of \(FormatError.quoted(body.name))",
        expected: expected)
    }
    let tensor: TypeProto.Tensor
    switch body.type.value {
    case nil:
      return (ONNXGraph.Value(name: body.name, elementType: nil, extents: nil), .readable)
    case .tensorType(let type): tensor = type
    case .sequenceType: throw refused("a sequence", "a tensor")
    case .mapType: throw refused("a dictionary", "a tensor")
    case .opaqueType: throw refused("something opaque", "a tensor")
    case .sparseTensorType: throw refused("a sparse tensor", "a dense one")
    case .optionalType: throw refused("an optional value", "a tensor")
    }
    guard tensor.shape.dim.count <= Shape.largestRank else {
      throw refused("\(tensor.shape.dim.count) axes", "at most \(Shape.largestRank)")
    }
    var extents: [ONNXGraph.Extent] = []
    for dimension in tensor.shape.dim {
      switch dimension.value {
      // Some exporters write -1 or a question mark for an axis of any extent.
      case nil, .dimValue(-1), .dimParam(""), .dimParam("?"): extents.append(.unknown)
      case .dimParam(let name): extents.append(.symbol(name))
      case .dimValue(let extent):
        guard extent >= 0, let extent = Int(exactly: extent) else {
          throw refused("an axis of extent \(extent)", "0 or more")
        }
        extents.append(.fixed(extent))
      }
    }
    let type = ONNXElementType(code: tensor.elemType)
    let value = ONNXGraph.Value(
      name: body.name, elementType: type?.element, extents: tensor.hasShape ? extents : nil)
    let isReadable = type != nil || tensor.elemType == 0
    let elements = ONNXElementType.name(code: tensor.elemType)
    return (value, isReadable ? .readable : .unreadable(elements: elements))
  }
}
