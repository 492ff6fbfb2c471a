import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest inspect`: what is inside a file or a run.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Print what is inside a file or a run record.",
    discussion: "EXAMPLE: palimpsest inspect run")

  @Argument(help: ArgumentHelp("A data or checkpoint file, or the folder of a run."))
  var path: String

  @Flag(help: "Print one JSON object.")
  var json = false

  mutating func run() throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let members = exists && isFolder.boolValue ? try inspectRun() : try inspectFile()
    if json {
      print(JSONValue.object(members))
    } else {
      for member in members { print("\(member.name): \(Self.plain(member.value))") }
    }
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
    let arrays = try format.read(source)
    var members: [JSONValue.Member] = [
      .init("format", .string(format.name)), .init("bytes", .number(source.count)),
      .init("arrays", .number(arrays.count)),
    ]
    for (number, named) in arrays.enumerated() {
      let name = named.name.isEmpty ? "array \(number)" : named.name
      members.append(
        .init(name, .string("\(named.array.elementType.rawValue) \(named.array.shape)")))
    }
    return members
  }

  private static func plain(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): FormatError.quoted(text)
    default: "\(value)"
    }
  }
}
