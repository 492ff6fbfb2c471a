import Formats
import TensorCore
import Training

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The folder of a study: what it is about, and a file for each finished run and inverted gradient.
///
/// Files appear whole or not at all, and one process at a time holds the folder's lock. Each file says
/// what it is the result of, with a digest of that, of the study and of the result: one that was
/// damaged, or copied from elsewhere, is refused.
final class DilutionStore: Sendable {
  private let folder: String
  private let lock: DirectoryLock
  /// What all results depend on.
  private let study: String

  private static let about = "study.json"
  private static let runs = "runs"

  /// Makes the folder, or goes on in it.
  ///
  /// - Throws: `TrainingError` where it holds something else or another study, `FormatError`.
  init<Scalar>(
    folder: String, _ setting: DilutionSetting, _ inversion: InversionSetting,
    _ data: Dataset<Scalar>
  ) throws {
    self.folder = folder
    try Self.refuseStrangers(folder)
    try FolderContent.make(folder)
    lock = try DirectoryLock(folder: folder)
    try Self.refuseStrangers(folder)
    let path = "\(folder)/\(Self.about)"
    let asked = Self.describe(setting, inversion, data)
    study = "\(JSONValue.object(asked))"
    if access(path, F_OK) == 0 {
      try Self.compare(JSONValue(path: path), asked, folder)
    } else {
      try AtomicFile.write(Array(JSONValue.object(asked).formatted.utf8), to: path)
    }
    try FolderContent.requireReal("\(folder)/\(Self.runs)")
    try FolderContent.make("\(folder)/\(Self.runs)")
    for part in [folder, "\(folder)/\(Self.runs)"] {
      for name in try FolderContent.names(part) { AtomicFile.removeLeftover(name, in: part) }
    }
  }

  /// Refuses a folder that holds anything but the beginnings of a study.
  private static func refuseStrangers(_ folder: String) throws {
    let names = try FolderContent.names(folder)
    if names.isEmpty || names.contains(about) { return }
    let stranger = names.first { $0 != "lock" && !AtomicFile.isTemporary($0) }
    if let stranger = stranger ?? (names.contains("lock") ? nil : names[0]) {
      throw TrainingError.occupied(folder: folder, found: stranger)
    }
  }

  /// What every run of a study depends on.
  ///
  /// The places of the family are not part of it: more of them
  /// can be asked for later.
  private static func describe<Scalar>(
    _ setting: DilutionSetting, _ inversion: InversionSetting, _ data: Dataset<Scalar>
  ) -> [JSONValue.Member] {
    [
      .init("format", .string("palimpsest-dilution")), .init("version", .number(2)),
      .init("data", .string(data.digest)), .init("watched", .number(setting.watched)),
      .init("learningRate", .number(setting.learningRate)),
      .init("batchSize", .number(setting.batchSize)),
      .init("iterations", .number(inversion.iterations)),
      .init("inversionWidth", .number(inversion.width)),
      .init("precision", .string(RunManifest.Precision(Scalar.self).rawValue)),
      .init("palimpsest", .string(RunManifest.libraryVersion)),
      .init("kernels", .string(Kernels.level)),
      .init("products", .string(Kernels.products)),
    ]
  }

  private static func compare(
    _ recorded: JSONValue, _ asked: [JSONValue.Member], _ folder: String
  ) throws(TrainingError) {
    for member in asked where recorded[member.name] != member.value {
      throw .differs(
        folder: folder, what: "study, \(member.name)",
        recorded: FormatError.quoted(recorded[member.name]?.description ?? "nothing"),
        asked: member.value.description)
    }
  }

  // MARK: Results

  /// Keeps what came out of a run.
  func write(_ outcomes: [WatchedOutcome], of cell: DilutionCell) throws(FormatError) {
    try write(.array(outcomes.map(\.json)), of: name(cell))
  }

  /// What came out of a run; nil where it was not made yet.
  ///
  /// - Throws: `FormatError` where the file is not what ``write(_:of:)`` wrote.
  func read(_ cell: DilutionCell, watched: Int) throws(FormatError) -> [WatchedOutcome]? {
    let name = name(cell)
    guard let values = try result(name)?.array else { return nil }
    let outcomes = values.compactMap(WatchedOutcome.init)
    guard values.count == watched, outcomes.count == watched,
      outcomes.allSatisfy({ $0.isPossible(items: cell.point.items) })
    else {
      throw Self.fault(
        path(name), "other than \(watched) outcomes that are possible", "those of a finished run")
    }
    return outcomes
  }

  /// Keeps what was read from a gradient.
  func write(_ outcome: InversionOutcome, of cell: InversionSetting.Cell) throws(FormatError) {
    try write(outcome.json, of: name(cell))
  }

  /// What was read from a gradient of inputs `[I]`; nil where that was not done yet.
  ///
  /// - Throws: `FormatError` where the file is not what ``write(_:of:)`` wrote.
  func read(
    _ cell: InversionSetting.Cell, width: Int
  ) throws(FormatError) -> InversionOutcome? {
    let name = name(cell)
    guard let value = try result(name) else { return nil }
    guard let outcome = InversionOutcome(value),
      outcome.isPossible(batchSize: cell.batchSize, width: width)
    else { throw Self.fault(path(name), "no outcome that is possible", "that of a gradient") }
    return outcome
  }

  // MARK: Files

  private func name(_ cell: DilutionCell) -> String {
    let places = DilutionAxis.allCases.map { "\($0.rawValue)-\(cell.point[$0])" }
    return "\(cell.kind.rawValue)-\(places.joined(separator: "-"))-seed-\(cell.seed)"
  }

  private func name(_ cell: InversionSetting.Cell) -> String {
    "gradient-of-\(cell.batchSize)-seed-\(cell.seed)"
  }

  private func path(_ name: String) -> String { "\(folder)/\(Self.runs)/\(name).json" }

  private func write(_ result: JSONValue, of name: String) throws(FormatError) {
    let file = JSONValue.object([
      .init("of", .string(name)), .init("sha256", .string(digest(result, of: name))),
      .init("result", result),
    ])
    try AtomicFile.write(Array(file.formatted.utf8), to: path(name))
  }

  /// The result that a file keeps under a name; nil where there is no file.
  ///
  /// - Throws: `FormatError` where it was damaged, or written for another name or study.
  private func result(_ name: String) throws(FormatError) -> JSONValue? {
    let path = path(name)
    guard access(path, F_OK) == 0 else { return nil }
    let file = try JSONValue(path: path)
    guard let owner = file["of"]?.string, owner == name else {
      throw Self.fault(
        path, "the result of \(FormatError.quoted(file["of"]?.string ?? "nothing"))", "its own")
    }
    guard let result = file["result"], file["sha256"]?.string == digest(result, of: name) else {
      throw Self.fault(
        path, "a result with another SHA-256 than it says",
        "the result that this study wrote, unchanged")
    }
    return result
  }

  /// The digest of a result, of what it is the result of, and of the study.
  private func digest(_ result: JSONValue, of name: String) -> String {
    SHA256.hex(of: Array("\(study)\n\(name)\n\(result)".utf8))
  }

  private static func fault(_ path: String, _ found: String, _ expected: String) -> FormatError {
    FormatError(
      .malformed, file: path, found: found, expected: expected,
      remedy: "remove the file and start again")
  }
}
