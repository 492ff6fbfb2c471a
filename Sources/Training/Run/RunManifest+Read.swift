import Formats
import TensorCore

extension RunManifest {
  /// Reads the `run.json` of a folder.
  ///
  /// - Throws: `FormatError`, naming the key that is missing or has a value that does not do.
  init(_ source: ByteSource, in folder: String) throws(FormatError) {
    let file = source.name
    guard source.count <= Self.largestFile else {
      throw FormatError(
        .malformed, file: file, found: "\(source.count) bytes",
        expected: "at most \(Self.largestFile)")
    }
    let fields = try ManifestFields(source)
    guard try fields.value("format") == .string(Self.format) else {
      throw fields.fault("format", expected: "\"\(Self.format)\"")
    }
    guard try fields.integer("version", as: Int.self) == Self.version else {
      throw fields.fault("version", expected: "\(Self.version)")
    }
    try Self.checkSize(source, fields, folder)
    model = try fields.string("model", expected: "the text that makes the model")
    modelSHA256 = fields.has("modelSHA256") ? try fields.digest("modelSHA256") : nil
    batchesSHA256 = fields.has("batchesSHA256") ? try fields.digest("batchesSHA256") : nil
    if fields.has("modelSettings") {
      modelSettings = try ModelSettings(fields.object("modelSettings"))
    }
    loss = try fields.choice("loss")
    precision = fields.has("precision") ? try fields.choice("precision") : .float32
    optimizer = try OptimizerSettings(fields.object("optimizer"))
    seed = fields.has("seed") ? try fields.integer("seed") : 0
    let datasets = try fields.object("datasets")
    train = try Data(datasets.object("train"))
    test = datasets.has("test") ? try Data(datasets.object("test")) : nil
    text = fields.has("text") ? try Text(fields.object("text")) : nil
    flippedLabels =
      fields.has("flippedLabels")
      ? try FlippedLabels(fields.object("flippedLabels"), items: train.count) : nil
    weights = fields.has("weights") ? try DataFile(fields.object("weights")) : nil
    learningRates = try fields.array("steps", of: "the learning rate of each step, from 0") {
      $0.double.flatMap { $0 >= 0 ? $0 : nil }
    }
    checkpoints =
      fields.has("checkpoints")
      ? try fields.array(
        "checkpoints", of: "whole numbers from 0", most: learningRates.count + 1
      ) { $0.integer(Int.self) } : nil
    environment = try fields.value("environment")?.members ?? []
    if let checkpoints, !zip([-1] + checkpoints, checkpoints).allSatisfy({ $0 < $1 }) {
      throw fields.fault("checkpoints", expected: "ascending whole numbers from 0")
    }
  }

  /// Refuses a document that is longer than its steps and items make it, before they are read.
  private static func checkSize(
    _ source: ByteSource, _ fields: ManifestFields, _ folder: String
  ) throws(FormatError) {
    var rest = source.count - fields.byteCount("steps") - fields.byteCount("checkpoints")
    for name in ["train", "test"] {
      guard let data = try? fields.object("datasets").object(name) else { continue }
      rest -= data.byteCount("ids") + data.byteCount("groups")
    }
    let groups = (try? fields.object("optimizer").objects("groups")) ?? []
    let count = try fields.elementCount("steps")
    for group in groups where try group.elementCount("steps") == count {
      rest -= group.byteCount("steps")
    }
    if let flipped = try? fields.object("flippedLabels") {
      rest -= flipped.byteCount("items") + flipped.byteCount("labels")
    }
    guard rest <= largestRest else {
      throw FormatError(
        .malformed, file: source.name, found: "\(rest) bytes besides steps and names of items",
        expected: "at most \(largestRest)", remedy: "take out what is no part of a run record")
    }
    guard let steps = count, steps > fewestCheckedSteps else { return }
    let batches = try RunFiles.open(RunFiles.batches, in: folder)
    let rows = try StoredArray.read(batches).shape.extents.first ?? 0
    guard steps == rows else { throw learningRates(steps, rows, file: source.name, batches.name) }
  }

  /// More steps than these are read if the batches have as many.
  private static let fewestCheckedSteps = 1 << 16

  /// The error for learning rates that are not as many as the batches.
  static func learningRates(
    _ count: Int, _ rows: Int, file: String, _ batches: String
  ) -> FormatError {
    FormatError(
      .malformed, file: file, found: "\(count) learning rates in \"steps\"",
      expected: "\(rows), one for each row of \(batches)",
      remedy: count < rows ? "step \(count) is the first without one" : "")
  }
}

extension RunManifest.DataFile {
  fileprivate init(_ fields: ManifestFields) throws(FormatError) {
    path = try fields.string("path", expected: "a path inside the run's folder")
    sha256 = try fields.digest("sha256")
    guard fields.has("shape") else { return }
    let extents = try fields.array("shape", of: "whole numbers from 0", most: Shape.largestRank) {
      $0.integer(Int.self)
    }
    // Zeros count as ones, so that the shape of one item is one too.
    guard extents.allSatisfy({ $0 >= 0 }), Shape.count(of: extents.map { max($0, 1) }) != nil else {
      throw fields.fault(
        "shape", expected: "whole numbers from 0 whose product is less than 2^63")
    }
    shape = Shape(extents)
  }
}

extension ManifestFields {
  /// 64 hexadecimal digits.
  fileprivate func digest(_ name: String) throws(FormatError) -> String {
    let expected = "64 hexadecimal digits"
    let text = try string(name, expected: expected).lowercased()
    guard text.utf8.count == 64, text.utf8.allSatisfy("0123456789abcdef".utf8.contains) else {
      throw fault(name, expected: expected)
    }
    return text
  }
}

extension FlippedLabels {
  fileprivate init(_ fields: ManifestFields, items count: Int) throws(FormatError) {
    let items = try fields.array("items", of: "rows of the training set", most: count) {
      $0.integer(Int.self).flatMap { (0..<count).contains($0) ? $0 : nil }
    }
    let labels = try fields.array("labels", of: "labels, from 0", most: count) {
      $0.integer(Int32.self).flatMap { $0 >= 0 ? $0 : nil }
    }
    guard zip(items, items.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw fields.fault("items", expected: "ascending rows of the training set")
    }
    guard labels.count == items.count else {
      throw fields.fault("labels", expected: "\(items.count) labels, one for each item")
    }
    self.init(items: items, labels: labels)
  }
}

extension ModelSettings {
  fileprivate init(_ fields: ManifestFields) throws(FormatError) {
    func patterns(_ name: String) throws(FormatError) -> [String] {
      fields.has(name) ? try fields.array(name, of: "patterns of names") { $0.string } : []
    }
    self.init()
    self.patterns = NamePatterns(
      parameters: try patterns("parameters"), constants: try patterns("constants"))
    output = fields.has("output") ? try fields.string("output") : nil
    keepsBytes = try fields.value("keepsBytes") == .bool(true)
    guard fields.has("itemShapes") else { return }
    itemShapes = try fields.array("itemShapes", of: "lists of whole numbers from 1") { value in
      guard let values = value.array else { return nil }
      let extents = values.compactMap { $0.integer(Int.self).flatMap { $0 > 0 ? $0 : nil } }
      return extents.count == values.count && Shape.count(of: extents) != nil ? extents : nil
    }
  }
}

extension RunManifest.Data {
  fileprivate init(_ fields: ManifestFields) throws(FormatError) {
    count = Int(try fields.integer("count", as: Int32.self))
    inputs = try RunManifest.DataFile(fields.object("x"))
    targets = try RunManifest.DataFile(fields.object("y"))
    for (name, path) in [("ids", \Self.ids), ("groups", \Self.groups)] where fields.has(name) {
      if let found = try fields.elementCount(name), found != count {
        throw FormatError(
          .malformed, file: fields.file, found: "\(found) \(fields.prefix)\(name)",
          expected: "\(count), one for each item")
      }
      self[keyPath: path] = try fields.array(name, of: "texts") { $0.string }
    }
  }
}

extension RunManifest.Text {
  fileprivate init(_ fields: ManifestFields) throws(FormatError) {
    func file(_ name: String) throws(FormatError) -> RunManifest.DataFile {
      try RunManifest.DataFile(fields.object(name))
    }
    text = try file("text")
    documents = try file("documents")
    passages = try file("passages")
    vocabulary = try file("vocabulary")
    stride = try fields.integer("stride")
  }
}

extension OptimizerSettings {
  fileprivate init(_ fields: ManifestFields) throws(FormatError) {
    let names = OptimizerRegistry.all.map { $0.name }.joined(separator: ", ")
    guard let rule = OptimizerRegistry.optimizer(try fields.string("name", expected: names)) else {
      throw fields.fault("name", expected: names)
    }
    self.init(rule)
    for constant in rule.constants {
      self[constant] = try fields.number(constant.rawValue, expected: constant.range)
      guard constant.isValid(self[constant]) else {
        throw fields.fault(constant.rawValue, expected: constant.range)
      }
    }
    if fields.has("weightDecay") {
      let decay = try fields.object("weightDecay")
      weightDecay.rate = try decay.number("rate", expected: WeightDecay.range)
      if decay.has("kind") { weightDecay.kind = try decay.choice("kind") }
      guard weightDecay.isValid else { throw decay.fault("rate", expected: WeightDecay.range) }
    }
    if fields.has("clipNorm") {
      let norm = try fields.number("clipNorm", expected: "a number above 0")
      guard norm > 0 else { throw fields.fault("clipNorm", expected: "a number above 0") }
      clipNorm = norm
    }
    guard fields.has("groups") else { return }
    groups = try fields.objects("groups").map { fields throws(FormatError) in
      let rates =
        fields.has("steps")
        ? try fields.array("steps", of: "the group's learning rate of each step, from 0") {
          $0.double.flatMap { $0 >= 0 ? $0 : nil }
        } : nil
      let decay = try fields.number("weightDecay", expected: WeightDecay.range)
      guard decay >= 0 else { throw fields.fault("weightDecay", expected: WeightDecay.range) }
      return ParameterGroup(
        try fields.array("parameters", of: "names of parameters") { $0.string },
        weightDecay: decay, learningRates: rates)
    }
  }
}
