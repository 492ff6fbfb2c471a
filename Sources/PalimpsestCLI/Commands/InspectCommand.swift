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
      should be known before scores are trusted.

      EXAMPLES:
        palimpsest inspect run
        palimpsest inspect model.onnx
      """)

  @Argument(
    help: ArgumentHelp("A model, data or checkpoint file, or the folder of a run or of pictures."))
  var path: String

  @Flag(help: "Print one JSON object.")
  var json = false

  mutating func run() throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let members = exists && isFolder.boolValue ? try inspectFolder() : try inspectFile()
    if json {
      try Output.line("\(JSONValue.object(members))")
    } else {
      for member in members { for line in Self.lines(member) { try Output.line(line) } }
    }
  }

  private func inspectFolder() throws -> [JSONValue.Member] {
    let isRun = FileManager.default.fileExists(atPath: "\(path)/run.json")
    guard !isRun, let pictures = try? ItemTable(path: path) else { return try inspectRun() }
    return [.init("format", .string("folder of pictures"))] + Self.members(pictures)
  }

  private func inspectRun() throws -> [JSONValue.Member] {
    let record = try RunRecord(folder: path)
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
    return members + manifest.environment
  }

  private func inspectFile() throws -> [JSONValue.Member] {
    let source = try ByteSource(path: path)
    let format = try FormatRegistry.format(of: source)
    if format.name == "onnx" { return try ModelInspection(source).members() }
    return [
      .init("format", .string(format.name)), .init("bytes", .number(source.count)),
    ] + Self.members(try ItemTable(source))
  }

  private static func members(_ table: ItemTable) -> [JSONValue.Member] {
    let arrays = table.arrays.map { named in
      JSONValue.object([
        .init("name", .string(named.name)),
        .init("type", .string(named.array.elementType.rawValue)),
        .init("shape", .array(named.array.shape.extents.map { .number($0) })),
      ])
    }
    let texts = table.texts.map { texts in
      JSONValue.object([
        .init("name", .string(texts.name)), .init("type", .string("text")),
        .init("shape", .array([.number(texts.values.count)])),
      ])
    }
    return [.init("arrays", .array(arrays + texts))]
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
