package import Formats
import TensorCore

extension RunManifest {
  /// The document.
  var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("format", .string(Self.format)),
      .init("version", .number(Self.version)),
      .init("model", .string(model)),
    ]
    if let modelSHA256 { members.append(.init("modelSHA256", .string(modelSHA256))) }
    if !modelSettings.isEmpty { members.append(.init("modelSettings", modelSettings.json)) }
    members += [
      .init("loss", .string(loss.rawValue)),
      .init("precision", .string(precision.rawValue)),
      .init("optimizer", optimizer.json),
      .init("seed", .number(seed)),
    ]
    var parts = [JSONValue.Member("train", train.json)]
    if let test { parts.append(.init("test", test.json)) }
    members.append(.init("datasets", .object(parts)))
    if let text { members.append(.init("text", text.json)) }
    if let flippedLabels { members.append(.init("flippedLabels", flippedLabels.json)) }
    if let weights { members.append(.init("weights", weights.json)) }
    if let checkpoints {
      members.append(.init("checkpoints", .array(checkpoints.map { .number($0) })))
    }
    if let batchesSHA256 { members.append(.init("batchesSHA256", .string(batchesSHA256))) }
    members.append(.init("environment", .object(environment)))
    // Last, because it is the longest.
    members.append(.init("steps", .array(learningRates.map { .number($0) })))
    return .object(members)
  }

  /// The bytes of `run.json`.
  ///
  /// - Throws: `FormatError` where they are more than a reader takes.
  package func bytes(for folder: String) throws(FormatError) -> [UInt8] {
    let (bytes, file) = (Array(json.formatted.utf8), "\(folder)/\(Self.fileName)")
    guard bytes.count <= Self.largestFile else {
      throw FormatError(
        .uncreatable, file: file, found: "\(bytes.count) bytes for all steps and items",
        expected: "at most \(Self.largestFile)",
        remedy: "take fewer steps or items, or larger batches")
    }
    return bytes
  }

  /// Writes `run.json` into a folder, whole or not at all.
  package func write(to folder: String) throws(FormatError) {
    try AtomicFile.write(bytes(for: folder), to: "\(folder)/\(Self.fileName)")
  }
}

extension ModelSettings {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = []
    for (name, texts) in [("parameters", patterns.parameters), ("constants", patterns.constants)]
    where !texts.isEmpty {
      members.append(.init(name, .array(texts.map { .string($0) })))
    }
    if let output { members.append(.init("output", .string(output))) }
    if keepsBytes { members.append(.init("keepsBytes", .bool(true))) }
    if !itemShapes.isEmpty {
      let lists = itemShapes.map { JSONValue.array($0.map { .number($0) }) }
      members.append(.init("itemShapes", .array(lists)))
    }
    return .object(members)
  }
}

extension RunManifest.DataFile {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("path", .string(path)), .init("sha256", .string(sha256)),
    ]
    if let shape { members.append(.init("shape", .array(shape.extents.map { .number($0) }))) }
    return .object(members)
  }
}

extension FlippedLabels {
  fileprivate var json: JSONValue {
    .object([
      .init("items", .array(items.map { .number($0) })),
      .init("labels", .array(labels.map { .number($0) })),
    ])
  }
}

extension RunManifest.Data {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("count", .number(count)), .init("x", inputs.json), .init("y", targets.json),
    ]
    for (name, texts) in [("ids", ids), ("groups", groups)] where !texts.isEmpty {
      members.append(.init(name, .array(texts.map { .string($0) })))
    }
    return .object(members)
  }
}

extension RunManifest.Text {
  fileprivate var json: JSONValue {
    .object(
      files.map { .init($0.0, $0.1.json) } + [.init("stride", .number(stride))])
  }
}

extension OptimizerSettings {
  fileprivate var json: JSONValue {
    var members = [JSONValue.Member("name", .string(name))]
    for constant in rule.constants {
      members.append(.init(constant.rawValue, .number(self[constant])))
    }
    members.append(
      .init(
        "weightDecay",
        .object([
          .init("rate", .number(weightDecay.rate)),
          .init("kind", .string(weightDecay.kind.rawValue)),
        ])))
    if let clipNorm { members.append(.init("clipNorm", .number(clipNorm))) }
    if !groups.isEmpty { members.append(.init("groups", .array(groups.map(\.json)))) }
    return .object(members)
  }
}

extension ParameterGroup {
  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("parameters", .array(parameters.map { .string($0) })),
      .init("weightDecay", .number(weightDecay)),
    ]
    if let learningRates {
      members.append(.init("steps", .array(learningRates.map { .number($0) })))
    }
    return .object(members)
  }
}
