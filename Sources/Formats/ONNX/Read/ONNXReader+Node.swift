extension ONNXReader {
  /// Reads the `NodeProto` of an operator, whose outputs can be read from here on.
  func node(
    _ part: ProtobufFile.Field, depth: Int, of model: Model, _ defined: inout [String]
  ) throws(FormatError) -> ONNXGraph.Node {
    let (attribute, metadata) = (5, 9)
    let (body, parts) = try file.message(
      NodeProto.self, in: part.payload, apart: [attribute, metadata])
    let offset = part.range.lowerBound
    let operatorName = FormatError.quoted(body.opType)
    let label =
      body.name.isEmpty
      ? "an operator \(operatorName)"
      : "the operator \(FormatError.quoted(body.name)), a \(operatorName)"
    guard !body.opType.isEmpty else {
      throw malformed(at: offset, "an operator without a type", expected: "its type")
    }
    for name in body.input where !name.isEmpty { try require(name, for: label, at: offset) }
    var attributes: [String: ONNXGraph.Attribute] = [:]
    for part in parts where part.number == attribute {
      let (name, value) = try self.attribute(part, of: label, depth: depth, in: model)
      guard attributes.updateValue(value, forKey: name) == nil else {
        throw malformed(
          at: part.range.lowerBound, "the attribute \(FormatError.quoted(name)) again in \(label)",
          expected: "each once")
      }
    }
    for name in body.output where !name.isEmpty {
      try define(name, .readable, at: offset, &defined)
    }
    return ONNXGraph.Node(
      name: body.name, operatorName: body.opType, domain: ONNXReader.domain(body.domain),
      inputs: body.input, outputs: body.output, attributes: attributes,
      trace: ONNXTrace(
        try self.metadata(
          parts.filter { $0.number == metadata },
          [ONNXTrace.key, ONNXTrace.ruleKey, ONNXTrace.placeKey])))
  }

  /// Reads an `AttributeProto`.
  private func attribute(
    _ part: ProtobufFile.Field, of label: String, depth: Int, in model: Model
  ) throws(FormatError) -> (name: String, value: ONNXGraph.Attribute) {
    let (tensor, graph) = (5, 6)
    // Several tensors or graphs, types and sparse tensors are in no operator for arrays.
    let others: Set = [10, 11, 14, 15, 22, 23]
    let (body, parts) = try file.message(
      AttributeProto.self, in: part.payload, apart: others.union([tensor, graph]))
    func refused(_ found: String, _ expected: String) -> FormatError {
      malformed(
        at: part.range.lowerBound,
        "\(found) in the attribute \(FormatError.quoted(body.name)) of \(label)",
        expected: expected, remedy: "export the model again")
    }
    guard body.refAttrName.isEmpty else {
      throw refused("a reference to a function's attribute", "a value")
    }
    guard let kind = AttributeKind(rawValue: body.type) else {
      throw refused(
        "the kind \(body.type)",
        "a number, a text, a tensor, a graph, or a list of numbers or texts")
    }
    guard body.kinds.union(parts.map { AttributeKind(part: $0.number) }).isSubset(of: [kind]),
      parts.count <= 1
    else { throw refused("several values", "one, of the kind that it says") }

    func text(_ bytes: some Sequence<UInt8>) throws(FormatError) -> String {
      guard let text = String(validating: Array(bytes), as: UTF8.self) else {
        throw refused("a text that is not UTF-8", "UTF-8")
      }
      return text
    }
    switch kind {
    case .float: return (body.name, .float(Double(written: body.f)))
    case .int: return (body.name, .int(body.i))
    case .string: return (body.name, .string(try text(body.s)))
    case .floats: return (body.name, .floats(body.floats.map { Double(written: $0) }))
    case .ints: return (body.name, .ints(body.ints))
    case .strings:
      var texts: [String] = []
      for bytes in body.strings { texts.append(try text(bytes)) }
      return (body.name, .strings(texts))
    case .tensor:
      guard let part = parts.first else { throw refused("no value", "a tensor") }
      switch try self.tensor(in: part.payload).content {
      case .array(let array): return (body.name, .tensor(array))
      case .unreadable(let elements): throw refused("elements of type \(elements)", "numbers")
      }
    case .graph:
      guard let part = parts.first else { throw refused("no value", "a graph") }
      return (body.name, .graph(try self.graph(in: part.payload, depth: depth + 1, of: model)))
    case .other: throw refused("a type, or several tensors or graphs", "a simple value")
    }
  }
}

/// What an attribute can be, as ONNX numbers it.
private enum AttributeKind: Int32 {
  case float = 1
  case int, string, tensor, graph, floats, ints, strings
  /// Anything that is not understood.
  case other

  /// The kind of a value that stands apart in the field of this number.
  init(part number: Int) {
    switch number {
    case 5: self = .tensor
    case 6: self = .graph
    default: self = .other
    }
  }
}

extension AttributeProto {
  /// The kinds of which a value is there that is not the default.
  fileprivate var kinds: Set<AttributeKind> {
    var kinds: Set<AttributeKind> = []
    if f != 0 { kinds.insert(.float) }
    if i != 0 { kinds.insert(.int) }
    if !s.isEmpty { kinds.insert(.string) }
    if !floats.isEmpty { kinds.insert(.floats) }
    if !ints.isEmpty { kinds.insert(.ints) }
    if !strings.isEmpty { kinds.insert(.strings) }
    return kinds
  }
}

extension Double {
  /// The number that was rounded to single precision: the shortest decimal that rounds to it.
  ///
  /// A slope of 0.1 or an epsilon of 1e-5 is meant, not the nearest number that a file can hold.
  fileprivate init(written number: Float) { self = Double(number.description) ?? Double(number) }
}
