import Palimpsest

/// What is inside an ONNX file.
struct ModelInspection {
  private let source: ByteSource
  private let graph: ONNXGraph
  /// The model, with what open extents were taken for; nil where it cannot be attributed.
  private var model: ONNXModel?
  private var openExtent: Int?
  /// Why not.
  private var problem: String?

  /// What open extents are tried with: a layer may need so many positions.
  private static let extents = [8, 32, 128]

  init(_ source: ByteSource, _ settings: ModelSettings = ModelSettings()) throws {
    self.source = source
    graph = try ONNXGraph(source)
    let isOpen =
      settings.itemShapes.isEmpty
      && graph.inputs.contains { input in
        (input.extents ?? [.unknown]).dropFirst().contains { Self.number($0) == nil }
      }
    for extent in isOpen ? Self.extents : [0] {
      do {
        model = try ONNXModel(
          path: source.name, itemShape: isOpen ? itemShape(extent) : nil, settings: settings)
        openExtent = isOpen ? extent : nil
        problem = nil
        return
      } catch { problem = problem ?? "\(error)" }
    }
    if isOpen, let reason = problem {
      let tried = Self.extents.map(String.init).joined(separator: ", ")
      problem =
        "open extents are not known and were taken for \(tried), which need not fit; give the shape "
        + "of an item with --item-shape (the first fault: \(reason))"
    }
  }

  private static func number(_ extent: ONNXGraph.Extent) -> Int? {
    if case .fixed(let number) = extent { number } else { nil }
  }

  /// The shape of one item with a number for each open extent.
  private func itemShape(_ extent: Int) -> Shape? {
    guard graph.inputs.count == 1, let extents = graph.inputs[0].extents else { return nil }
    let numbers = extents.dropFirst().map { Self.number($0) ?? extent }
    return Shape.count(of: numbers) == nil ? nil : Shape(numbers)
  }

  // MARK: The document

  /// What is printed.
  func members() throws -> [JSONValue.Member] {
    let forms = try model.map { try GradientForm.forms(of: $0) } ?? [:]
    var members: [JSONValue.Member] = [
      .init("format", .string("onnx")), .init("bytes", .number(source.count)),
      .init("producer", .string(graph.producer)), .init("opset", .number(graph.opset)),
      .init("inputs", .array(graph.inputs.map(Self.value))),
      .init("outputs", .array(graph.outputs.map(Self.value))),
    ]
    if !graph.externalFiles.isEmpty {
      members.append(.init("externalFiles", .array(graph.externalFiles.map { .string($0) })))
    }
    if let model {
      members += [
        .init("parameters", .number(model.layout.count)),
        .init("trainableParameters", .number(model.layout.trainableCount)),
      ]
    }
    members.append(.init("arrays", .array(graph.initializers.map { array($0, forms) })))
    if let model {
      if let openExtent { members.append(.init("openExtentsTakenFor", .number(openExtent))) }
      members += [
        .init(
          "operators",
          .array(
            model.operations.map {
              .object([
                .init("operator", .string($0.operatorName)), .init("output", .string($0.output)),
                .init("shape", Self.shape($0.shape)),
              ])
            })),
        .init("notes", .array((model.notes + probabilityNotes(model)).map { .string($0) })),
      ]
    }
    members.append(.init("problem", problem.map { .string($0) } ?? .null))
    return members
  }

  /// What a loss of logits would have to know.
  private func probabilityNotes(_ model: ONNXModel) -> [String] {
    model.probabilities.map {
      [
        "the output is of probabilities (\($0.operatorName)); its logits are \(FormatError.quoted($0.logits))"
      ]
    } ?? []
  }

  private func array(_ named: NamedArray, _ forms: [String: [GradientForm]]) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("name", .string(named.name)), .init("type", .string(named.array.elementType.rawValue)),
      .init("shape", Self.shape(named.array.shape)),
    ]
    guard let model else { return .object(members) }
    let role = zip(model.layout.entries, model.roles).first { $0.0.name == named.name }?.1
    members.append(.init("role", .string(Self.name(of: role))))
    if let role { members.append(.init("reason", .string(role.text))) }
    if let forms = forms[named.name] {
      let text = forms.map(\.rawValue).joined(separator: ", ")
      members.append(.init("gradient", .string(text)))
    }
    return .object(members)
  }

  /// One word; an array that stands in no graph under its name is a constant.
  private static func name(of role: ONNXProgram.Role?) -> String {
    switch role {
    case .parameter?: "parameter"
    case .statistic?, .unreached?: "statistic"
    case .buffer?: "buffer"
    case .frozen?: "frozen"
    case nil: "constant"
    }
  }

  private static func shape(_ shape: Shape) -> JSONValue {
    .array(shape.extents.map { .number($0) })
  }

  private static func value(_ value: ONNXGraph.Value) -> JSONValue {
    let extents = value.extents.map { extents in
      JSONValue.array(
        extents.map { extent in
          switch extent {
          case .fixed(let number): .number(number)
          case .symbol(let name): .string(name)
          case .unknown: .string("?")
          }
        })
    }
    return .object([
      .init("name", .string(value.name)),
      .init("type", value.elementType.map { .string($0.rawValue) } ?? .null),
      .init("shape", extents ?? .null),
    ])
  }
}
