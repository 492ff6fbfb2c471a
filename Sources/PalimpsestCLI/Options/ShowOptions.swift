import ArgumentParser
import Palimpsest

/// Items and groups that a person wants to see, whatever their scores.
struct ShowOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Training items or groups to show too, whatever their scores: 17, 3-9, an id, group:NAME; "
        + "repeatable.", valueName: "items"))
  var show: [String] = []

  /// What was asked for, each once.
  ///
  /// - Throws: ``UsageError`` where a text names nothing.
  func subjects<Scalar: TensorScalar>(in data: Dataset<Scalar>) throws -> [ScoreReport.Subject] {
    let lookup = ItemLookup(data: data, part: "train", option: "--show")
    var subjects: [ScoreReport.Subject] = []
    var seen: Set<ScoreReport.Subject> = []
    for text in show {
      let named = try lookup.find(text)
      guard let found = try named ?? text.dropping("train:").flatMap({ try lookup.find($0) }) else {
        throw UsageError(
          "--show: found \"\(text)\", expected a training item such as 17"
            + (data.ids.isEmpty ? "" : ", an id") + (data.groups.isEmpty ? "" : ", or a group"))
      }
      let all: [ScoreReport.Subject] =
        found.group.map { [.group($0)] } ?? found.items.map { .item($0) }
      subjects += all.filter { seen.insert($0).inserted }
    }
    return subjects
  }

  /// The same after items were left out: those that are still there, by their new numbers.
  ///
  /// - Throws: ``UsageError`` for an item that was left out.
  static func subjects<Scalar: TensorScalar>(
    _ subjects: [ScoreReport.Subject], of data: Dataset<Scalar>, in kept: Dataset<Scalar>
  ) throws -> [ScoreReport.Subject] {
    guard kept.count < data.count else { return subjects }
    return try subjects.map { subject in
      guard case .item(let number) = subject else { return subject }
      let id = Scoring.id(number, data, "train")
      guard let place = kept.ids.firstIndex(of: id) else {
        throw UsageError("--show: item \(id) is left out by --skip-bad-items")
      }
      return .item(place)
    }
  }
}
