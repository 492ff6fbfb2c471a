import ArgumentParser
import Palimpsest

/// Which outputs are asked about, and what is asked of them.
struct QueryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Queries of the run: test:3, test:0-49 or test:0:50, test:0,3,7, test for all, train:7, "
        + "test:label=4, an id, id:ID, group:NAME; repeatable. (default: test:0-9)",
      valueName: "items"))
  var query: [String] = []

  @Option(help: ArgumentHelp("Inputs of queries from a file.", valueName: "file"))
  var queryX: String?

  @Option(
    help: ArgumentHelp(
      "Labels or targets of queries from a file, unless --query-x has them.", valueName: "file"))
  var queryY: String?

  @Option(help: "What is asked of a query.")
  var measure = Measure.loss

  /// Queries with their names.
  struct Queries<Scalar: TensorScalar> {
    var data: Dataset<Scalar>
    var items: [ScoreReport.Item]
    /// What became of queries that are bytes; nil where there are none.
    var byteNote: String?
    /// Whether they are of a file of their own.
    var isFromFile = false

    init(
      data: Dataset<Scalar>, byteNote: String? = nil, isFromFile: Bool = false,
      items: [ScoreReport.Item]
    ) {
      self.data = data
      self.byteNote = byteNote
      self.isFromFile = isFromFile
      self.items = items
    }
  }

  /// The options that name queries or what is asked of them, so far as they were given.
  var given: [String] {
    [
      ("--query", !query.isEmpty), ("--query-x", queryX != nil), ("--query-y", queryY != nil),
      ("--measure", measure != .loss),
    ].filter(\.1).map(\.0)
  }

  /// Checks what can be checked before anything is read.
  ///
  /// - Throws: ``UsageError``.
  func check(_ loss: Loss) throws {
    if measure.needsLabels, !loss.takesLabels {
      throw UsageError(
        "--measure \(measure.rawValue) needs class labels, which this model has none of")
    }
    guard queryX != nil || queryY == nil else { throw UsageError("--query-y goes with --query-x") }
    guard queryX == nil || query.isEmpty else {
      throw UsageError("--query and --query-x exclude each other")
    }
  }

  /// Reads the queries; the first ten test items where none are named.
  ///
  /// - Parameters:
  ///   - train: The training items.
  ///   - test: The held-out items of the run, where they were read already.
  ///   - record: The run; nil for a model from files.
  ///   - hasPictures: Whether the report shows pictures.
  func read<Scalar: TensorScalar>(
    _ model: any Model, loss: Loss, train: Dataset<Scalar>, test held: Dataset<Scalar>? = nil,
    record: RunRecord?, hasPictures: Bool
  ) throws -> Queries<Scalar> {
    try check(loss)
    if let queryX {
      let stored = try StoredItems.opened(inputs: queryX, targets: queryY)
      let data = try Dataset<Scalar>.read(stored, model, loss: loss)
      return Queries(
        data: data, byteNote: stored.byteNote(model, loss: loss, "Queries"), isFromFile: true,
        items: (0..<data.count).map { Scoring.item($0, data, "query", hasPictures: hasPictures) })
    }
    guard let record else {
      throw UsageError("which queries? Expected --query-x and --query-y with --model")
    }
    let needsTest = query.isEmpty || query.contains { QuerySelection($0).concerns(.test) }
    let test = needsTest ? try held ?? record.test(as: Scalar.self) : nil
    let first = min(10, test?.count ?? 0)
    var all: Queries<Scalar>?
    for text in query.isEmpty ? ["test:0:\(first)"] : query {
      let (name, chosen) = try QuerySelection(text).resolve(train: train, test: test)
      guard let data = name == .train ? train : test else { continue }
      let part = Queries(
        data: data[chosen],
        items: chosen.map { Scoring.item($0, data, name.rawValue, hasPictures: hasPictures) })
      all =
        all.map { Queries(data: $0.data.appending(part.data), items: $0.items + part.items) }
        ?? part
    }
    guard let all else { throw UsageError("no queries") }
    return all
  }
}
