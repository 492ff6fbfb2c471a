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
/// Files appear whole or not at all, and one process at a time holds the folder's lock.
final class DilutionStore: Sendable {
  private let folder: String
  private let lock: DirectoryLock

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
    if access(path, F_OK) == 0 {
      try Self.compare(JSONValue(path: path), asked, folder)
    } else {
      try AtomicFile.write(Array(JSONValue.object(asked).formatted.utf8), to: path)
    }
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
      .init("format", .string("palimpsest-dilution")), .init("version", .number(1)),
      .init("data", .string(data.digest)), .init("watched", .number(setting.watched)),
      .init("learningRate", .number(setting.learningRate)),
      .init("batchSize", .number(setting.batchSize)),
      .init("iterations", .number(inversion.iterations)),
      .init("inversionWidth", .number(inversion.width)),
      .init("precision", .string(RunManifest.Precision(Scalar.self).rawValue)),
      .init("palimpsest", .string(RunManifest.libraryVersion)),
      .init("kernels", .string(Kernels.level)),
      .init("blasCore", .string(BLASThreads.coreName)),
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

  private func path(_ cell: DilutionCell) -> String {
    let places = DilutionAxis.allCases.map { "\($0.rawValue)-\(cell.point[$0])" }
    return "\(folder)/\(Self.runs)/\(cell.kind.rawValue)-\(places.joined(separator: "-"))"
      + "-seed-\(cell.seed).json"
  }

  /// Keeps what came out of a run.
  func write(_ outcomes: [WatchedOutcome], of cell: DilutionCell) throws(FormatError) {
    let document = JSONValue.object([.init("watched", .array(outcomes.map(\.json)))])
    try AtomicFile.write(Array(document.formatted.utf8), to: path(cell))
  }

  /// What came out of a run; nil where it was not made yet.
  ///
  /// - Throws: `FormatError` where the file is not what ``write(_:of:)`` wrote.
  func read(_ cell: DilutionCell, watched: Int) throws(FormatError) -> [WatchedOutcome]? {
    let path = path(cell)
    guard access(path, F_OK) == 0 else { return nil }
    let values = try JSONValue(path: path)["watched"]?.array ?? []
    let outcomes = values.compactMap(WatchedOutcome.init)
    guard values.count == watched, outcomes.count == watched else {
      throw FormatError(
        .malformed, file: path, found: "\(outcomes.count) outcomes that can be read",
        expected: "the \(watched) that a finished run leaves",
        remedy: "remove the file and start again")
    }
    return outcomes
  }
}

extension DilutionStore {
  private func path(_ cell: InversionSetting.Cell) -> String {
    "\(folder)/\(Self.runs)/gradient-of-\(cell.batchSize)-seed-\(cell.seed).json"
  }

  /// Keeps what was read from a gradient.
  func write(_ outcome: InversionOutcome, of cell: InversionSetting.Cell) throws(FormatError) {
    try AtomicFile.write(Array(outcome.json.formatted.utf8), to: path(cell))
  }

  /// What was read from a gradient of inputs `[I]`; nil where that was not done yet.
  ///
  /// - Throws: `FormatError` where the file is not what ``write(_:of:)`` wrote.
  func read(
    _ cell: InversionSetting.Cell, width: Int
  ) throws(FormatError) -> InversionOutcome? {
    let path = path(cell)
    guard access(path, F_OK) == 0 else { return nil }
    let outcome = try InversionOutcome(JSONValue(path: path))
    let pictures =
      outcome?.pictures.flatMap { [$0.closedForm, $0.matched].compactMap { $0 } } ?? []
    guard let outcome, pictures.allSatisfy({ $0.count == width }) else {
      throw FormatError(
        .malformed, file: path, found: "no outcome that can be read",
        expected: "what was read from a gradient", remedy: "remove the file and start again")
    }
    return outcome
  }
}

extension InversionOutcome {
  fileprivate var json: JSONValue {
    func numbers(_ values: [Double]?) -> JSONValue {
      values.map { .array($0.map { .number($0) }) } ?? .null
    }
    return .object([
      .init("exclusive", .number(exclusive)), .init("closedForm", closedForm.json),
      .init("matching", matching.json), .init("labels", .number(labels)),
      .init("difference", .number(difference)),
      .init(
        "pictures",
        .array(
          pictures.map {
            .object([
              .init("item", .number($0.item)), .init("closedForm", numbers($0.closedForm)),
              .init("matched", numbers($0.matched)),
            ])
          })),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let exclusive = json["exclusive"]?.integer(Int.self),
      let closedForm = json["closedForm"].flatMap(Reading.init),
      let matching = json["matching"].flatMap(Reading.init),
      let labels = json["labels"]?.integer(Int.self), let difference = json["difference"]?.double,
      let pictures = json["pictures"]?.array
    else { return nil }
    self.init(
      exclusive: exclusive, closedForm: closedForm, matching: matching, labels: labels,
      difference: difference,
      pictures: pictures.compactMap { picture in
        picture["item"]?.integer(Int.self).map { item in
          Picture(
            item: item, closedForm: picture["closedForm"]?.array?.compactMap(\.double),
            matched: picture["matched"]?.array?.compactMap(\.double))
        }
      })
  }
}

extension InversionOutcome.Reading {
  fileprivate var json: JSONValue {
    .object([
      .init("claimed", .number(claimed)), .init("recovered", .number(recovered)),
      .init("error", error.map { .number($0) } ?? .null),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let claimed = json["claimed"]?.integer(Int.self),
      let recovered = json["recovered"]?.integer(Int.self)
    else { return nil }
    self.init(claimed: claimed, recovered: recovered, error: json["error"]?.double)
  }
}

extension WatchedOutcome {
  fileprivate var json: JSONValue {
    func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    return .object([
      .init("source", source.map { .number($0) } ?? .null), .init("label", .number(label)),
      .init("logProbability", .number(logProbability)), .init("share", .number(share)),
      .init("shareOfAll", .number(shareOfAll)), .init("contributors", .number(contributors)),
      .init("rank", .number(rank)), .init("effectOfOne", .number(effectOfOne)),
      .init("effectOfAll", .number(effectOfAll)),
      .init("predictedOfOne", optional(predictedOfOne)),
      .init("predictedOfAll", optional(predictedOfAll)), .init("residual", .number(residual)),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    func number(_ name: String) -> Double? { json[name]?.double }
    guard let label = json["label"]?.integer(Int.self),
      let logProbability = number("logProbability"), let share = number("share"),
      let shareOfAll = number("shareOfAll"), let contributors = number("contributors"),
      let rank = json["rank"]?.integer(Int.self), let effectOfOne = number("effectOfOne"),
      let effectOfAll = number("effectOfAll"), let residual = number("residual")
    else { return nil }
    self.init(
      source: json["source"]?.integer(Int.self), label: label, logProbability: logProbability,
      share: share, shareOfAll: shareOfAll, contributors: contributors, rank: rank,
      effectOfOne: effectOfOne, effectOfAll: effectOfAll,
      predictedOfOne: number("predictedOfOne"), predictedOfAll: number("predictedOfAll"),
      residual: residual)
  }
}
