import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest inspect`: what is inside a file or a run.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Print what is inside a file or a run record.",
    discussion: """
      Of an ONNX model: its inputs and outputs, the arrays with their part in it, how the gradient \
      of each item is made for every parameter, the operators with the shapes of one item, and what \
      should be known before scores are trusted. Of a run on text: its documents with their bytes, \
      tokens and passages, and which are copies of another.

      EXAMPLES:
        palimpsest inspect run
        palimpsest inspect model.onnx
      """)

  @Argument(
    help: ArgumentHelp("A model, data or checkpoint file, the folder of a run, or one of pictures.")
  )
  var path: String

  @OptionGroup var choice: ModelChoiceOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  mutating func run() throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let isRun = FileManager.default.fileExists(atPath: "\(path)/run.json")
    let members =
      !exists || !isFolder.boolValue
      ? try inspectFile() : isRun ? try inspectRun() : try inspectPictures()
    if json {
      try Output.line("\(JSONValue.object(members))")
    } else {
      for member in members { for line in Self.lines(member) { try Output.line(line) } }
    }
  }

  private func inspectRun() throws -> [JSONValue.Member] {
    let record = try RunRecord.opened(path)
    let manifest = record.manifest
    let batches = try record.batches()
    let checkpoints = try record.checkpoints()
    for step in checkpoints { let _: [Float] = try record.parameters(at: step) }
    var members: [JSONValue.Member] = [
      .init("model", .string(manifest.model)), .init("loss", .string(manifest.loss.rawValue)),
      .init("parameters", .number(record.model.layout.count)),
      .init("precision", .string(manifest.precision.rawValue)),
      .init("optimizer", .string(manifest.optimizer.name)),
      .init("seed", .number(manifest.seed)), .init("steps", .number(record.steps)),
      .init("batchSize", .number(batches.size)),
      .init("trainItems", .number(manifest.train.count)),
      .init("testItems", manifest.test.map { .number($0.count) } ?? .null),
      .init("checkpoints", .array(checkpoints.map { .number($0) })),
    ]
    if let low = manifest.learningRates.min(), let high = manifest.learningRates.max() {
      members.append(.init("learningRates", .array([.number(low), .number(high)])))
    }
    if let text = try record.text() { members += Self.members(of: text) }
    return members + manifest.environment
  }

  /// The tokens, the documents and the copies of a corpus.
  private static func members(of text: TextCorpus) -> [JSONValue.Member] {
    var passages = [Int](repeating: 0, count: text.documents.count)
    for passage in text.passages { passages[passage.document] += 1 }
    let documents = text.documents.enumerated().map { number, document in
      let copy = document.nearGroup == number ? nil : text.documents[document.nearGroup].path
      let isExact = document.exactGroup == document.nearGroup
      return JSONValue.object([
        .init("path", .string(document.path)),
        .init("part", .string(document.isHeldOut ? "held-out" : "train")),
        .init("bytes", .number(document.bytes.count)),
        .init("tokens", .number(document.text.count)),
        .init("passages", .number(passages[number])),
        .init("copy", .string(copy == nil ? "" : isExact ? "exact copy of" : "near copy of")),
        .init("copyOf", .string(copy ?? "")),
      ])
    }
    return [
      .init("vocabulary", .string("\(text.vocabulary.kindName), \(text.vocabulary.count) tokens")),
      .init("context", .number(text.context)), .init("stride", .number(text.stride)),
      .init("exactCopies", .number(text.exactCopies)),
      .init("nearCopies", .number(text.nearCopies)), .init("documents", .array(documents)),
    ]
  }

  private func inspectFile() throws -> [JSONValue.Member] {
    let source = try ByteSource(path: path)
    let format = try FormatRegistry.format(of: source)
    if format.name == "onnx" { return try ModelInspection(source, choice.settings).members() }
    guard choice.settings.isEmpty else {
      throw UsageError("--parameters, --constant, --output and --item-shape are for ONNX models")
    }
    let table = try ItemTable(source)
    var members: [JSONValue.Member] = [
      .init("format", .string(format.name)), .init("bytes", .number(source.count)),
      .init("arrays", .array(Self.entries(table))),
    ]
    if !table.unreadable.isEmpty {
      members.append(
        .init(
          "unreadable",
          .array(
            table.unreadable.map {
              .object([.init("name", .string($0.name)), .init("reason", .string("\($0.error)"))])
            })))
    }
    return members
  }

  private func inspectPictures() throws -> [JSONValue.Member] {
    let table = try PictureFolder.read(path)
    table.notes.forEach(Output.warn)
    var classes: [String] = []
    for name in table.texts("group") ?? [] where classes.last != name { classes.append(name) }
    return [
      .init("format", .string("pictures")),
      .init("classes", .array(classes.map { .string($0) })),
      .init("arrays", .array(Self.entries(table))),
    ]
  }

  /// Names, types and shapes of arrays, and of texts.
  private static func entries(_ table: ItemTable) -> [JSONValue] {
    let arrays = table.arrays.map {
      ($0.name, $0.array.elementType.rawValue, $0.array.shape.extents)
    }
    let texts = table.texts.map { ($0.name, "text", [$0.values.count]) }
    return (arrays + texts).map { name, type, extents in
      .object([
        .init("name", .string(name)), .init("type", .string(type)),
        .init("shape", .array(extents.map { .number($0) })),
      ])
    }
  }

  /// `name: value`, and for an array of objects a line for each.
  private static func lines(_ member: JSONValue.Member) -> [String] {
    let name = FormatError.printable(member.name, limit: 60)
    guard case .array(let values) = member.value,
      values.contains(where: { $0.members != nil || $0.string != nil })
    else { return ["\(name): \(text(member.value))"] }
    if values[0].string != nil {
      return ["\(name):"] + values.map { "  " + FormatError.printable($0.string ?? "") }
    }
    let rows = values.map { ($0.members ?? []).map { text($0.value) } }
    let width = rows.compactMap { $0.first?.count }.max() ?? 0
    return ["\(name):"]
      + rows.map { row in
        let first = row.first ?? ""
        let parts = [first + String(repeating: " ", count: width - first.count)] + row.dropFirst()
        return "  " + parts.filter { !$0.isEmpty }.joined(separator: "  ")
      }
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): FormatError.printable(text, limit: 200)
    case .null: "none"
    default: FormatError.printable("\(value)")
    }
  }
}
