import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest score`: training items against queries.
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score", abstract: "Score training items against queries.",
    discussion: """
      EXAMPLES:
        palimpsest score run --query 'test:0..<10' --method tracin --out scores.html
        palimpsest score --model mlp:64-32-10:tanh --checkpoint e1.safetensors:0.1 \\
          --train-x x.npy --train-y y.npy --query-x qx.npy --query-y qy.npy
      """)

  @OptionGroup var source: ModelOptions

  @Option(
    help: ArgumentHelp(
      "Queries of the run: test:3, test:0..<50, train:7, test:label=4; repeatable.",
      valueName: "range"))
  var query: [String] = []

  @Option(help: ArgumentHelp("Inputs of queries from a file.", valueName: "file"))
  var queryX: String?

  @Option(help: ArgumentHelp("Labels or targets of queries from a file.", valueName: "file"))
  var queryY: String?

  @Option(help: ArgumentHelp("Method; see `palimpsest list methods`.", valueName: "name"))
  var method = TracIn.name

  @Option(help: "What is asked of a query.")
  var measure = Measure.loss

  @Flag(help: "Take all queries together, as one sum.")
  var aggregate = false

  @Option(help: ArgumentHelp("Supporters and opponents to show for each query.", valueName: "k"))
  var top = 5

  @Flag(
    help: "Look for the strongest items only, stopping early where the rest cannot count.")
  var topOnly = false

  @Option(help: ArgumentHelp("Write the whole matrix [Q, N], npy.", valueName: "file"))
  var scores: String?

  @Option(help: ArgumentHelp("Write a report: .html, .jsonl or .csv.", valueName: "file"))
  var out: String?

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print the report as JSON lines.")
  var json = false

  func validate() throws {
    guard top >= 0 else { throw ValidationError("--top: found \(top), expected 0 or more") }
    guard !topOnly || scores == nil else {
      throw ValidationError("--top-only does not compute the matrix that --scores asks for")
    }
  }

  mutating func run() throws {
    if let out { _ = try ReportFile.format(of: out) }
    let origin = try source.origin()
    switch source.precision(of: origin) {
    case .float32: try run(origin, as: Float.self)
    case .float64: try run(origin, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(
    _ origin: ModelOptions.Origin, as type: Scalar.Type
  ) throws {
    let estimator = try Scoring.estimator(method)
    if measure.needsLabels, !source.loss(of: origin).takesLabels {
      throw UsageError(
        "--measure \(measure.rawValue) needs class labels, which this model has none of")
    }
    let source = try source.source(origin, trajectory: estimator.usesTrajectory, as: type)
    let queries = try queries(source)
    let setting = ScoreSetting(
      model: source.model, loss: source.loss, measure: measure, items: source.items,
      queries: queries.data, checkpoints: source.checkpoints, aggregatesQueries: aggregate)
    let pool = compute.makePool()
    let engine = try ScoreEngine(
      estimator.problem(setting), pool: pool, memory: compute.memory?.bytes)
    if dryRun {
      let matrix = engine.problem.rowCount * source.items.count * MemoryLayout<Scalar>.stride
      let estimate = try WorkEstimate(
        engine, pool: pool, outputBytes: scores == nil ? 0 : matrix
      ) { _ = try $0.summaries(top) }
      return try estimate.print(json: json)
    }
    let file = try out.map { try ReportFile(path: $0) }
    let sections = try sections(engine, source.items, queries)
    let report = ScoreReport(
      title: "Scores of \(source.items.count) training items for \(sections.count) outputs",
      method: .init(estimator, measure: measure, loss: source.loss, weights: source.weights),
      measure: measure, loss: source.loss,
      model: source.model.specification, itemCount: source.items.count, sections: sections,
      notes: Scoring.notes(estimator, source.record), provenance: Scoring.provenance(source.record))
    try file?.write(report)
    try Scoring.print(report, json: json)
  }

  /// Pictures cost time and memory, and only a page shows them.
  private var hasPictures: Bool { out?.lowercased().hasSuffix(".html") ?? false }

  /// The queries with their names.
  private struct Queries<Scalar: TensorScalar> {
    var data: Dataset<Scalar>
    var items: [ScoreReport.Item]
  }

  private func queries<Scalar: TensorScalar>(
    _ source: ModelOptions.Source<Scalar>
  ) throws -> Queries<Scalar> {
    if queryX != nil || queryY != nil {
      guard let queryX, let queryY else { throw UsageError("--query-x and --query-y go together") }
      guard query.isEmpty else { throw UsageError("--query and --query-x exclude each other") }
      let data = try Dataset<Scalar>.read(
        inputs: queryX, targets: queryY, source.model, loss: source.loss)
      return Queries(
        data: data,
        items: (0..<data.count).map { Scoring.item($0, data, "query", hasPictures: hasPictures) })
    }
    guard let record = source.record else {
      throw UsageError("which queries? Expected --query-x and --query-y with --model")
    }
    let selections = try query.map { try QuerySelection($0) }
    let needsTest = selections.isEmpty || selections.contains { $0.part == .test }
    let test = needsTest ? try record.test(as: Scalar.self) : nil
    if needsTest, test == nil {
      throw UsageError("--query: the run has no test items; ask about train:7, or --query-x FILE")
    }
    var all: Queries<Scalar>?
    let first = min(10, test?.count ?? 0)
    for selection in selections.isEmpty ? [try QuerySelection("test:0..<\(first)")] : selections {
      guard let data = selection.part == .train ? source.items : test else { continue }
      let chosen = try selection.indices(in: data)
      let part = Queries(
        data: data[chosen],
        items: chosen.map {
          Scoring.item($0, data, selection.part.rawValue, hasPictures: hasPictures)
        })
      all =
        all.map { Queries(data: $0.data.appending(part.data), items: $0.items + part.items) }
        ?? part
    }
    guard let all else { throw UsageError("no queries") }
    return all
  }

  private func sections<Scalar: TensorScalar>(
    _ engine: ScoreEngine<Scalar>, _ items: Dataset<Scalar>, _ queries: Queries<Scalar>
  ) throws -> [ScoreReport.Section] {
    let count = engine.problem.rowCount * items.count
    let bar = ProgressBar("score", of: count, "scores")
    bar.show(0)
    defer { bar.finish() }
    let progress = { (share: Double) in
      try Signals.check()
      bar.show(Int(share * Double(count)))
    }
    let shown =
      aggregate
      ? [ScoreReport.Item(id: "all \(queries.items.count) queries together")] : queries.items
    if topOnly {
      let found = try engine.topItems(top, progress: progress)
      bar.finish()
      let percent = (found.skippedShare * 1000).rounded() / 10
      Output.diagnose("early stopping: \(percent) % of the products were not needed\n")
      return zip(shown, found.queries).enumerated().map { number, pair in
        .query(
          .init(
            query: pair.0, measured: found.measured[number], cocktail: nil, top: pair.1
          ) { Scoring.item($0, items, "train", hasPictures: hasPictures) })
      }
    }
    let writer = try scores.map {
      try ScoreMatrixWriter<Scalar>(
        path: $0, queries: engine.problem.rowCount, items: items.count)
    }
    let summaries = try engine.summaries(top, progress: progress) { rows, columns, panel in
      try writer?.write(
        Tensor([rows.count, columns.count], Array(panel)), rows: rows, columns: columns)
    }
    try writer?.finish()
    return zip(shown, summaries).map { item, summary in
      .query(
        .init(
          query: item, measured: summary.measured, cocktail: summary.cocktail, top: summary.top
        ) { Scoring.item($0, items, "train", hasPictures: hasPictures) })
    }
  }
}
