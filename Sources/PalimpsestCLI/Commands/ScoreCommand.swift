import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest score`: training items against queries.
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score", abstract: "Score training items against queries.",
    discussion: """
      EXAMPLES:
        palimpsest score run --query test:0-9 --method tracin --out scores.html
        palimpsest score run --query test:3 --show 17 --show group:Ann
        palimpsest score --model mlp:64-32-10:tanh --checkpoint e1.safetensors:0.1 \\
          --train-x x.npy --train-y y.npy --query-x qx.npy --query-y qy.npy
      """)

  @OptionGroup var source: ModelOptions

  @OptionGroup var query: QueryOptions

  @Option(help: ArgumentHelp("Method; see `palimpsest list methods`.", valueName: "name"))
  var method = TracIn.name

  @OptionGroup var layer: LayerOptions

  @Flag(help: "Take all queries together, as one sum.")
  var aggregate = false

  @Option(help: ArgumentHelp("Supporters and opponents to show for each query.", valueName: "k"))
  var top = 5

  @OptionGroup var shown: ShowOptions

  @Flag(
    help: "Look for the strongest items only, stopping early where the rest cannot count.")
  var topOnly = false

  @Option(help: ArgumentHelp("Write the whole matrix [Q, N], npy.", valueName: "file"))
  var scores: String?

  @OptionGroup var reports: ReportOptions

  @Flag(help: "Leave out training items whose gradient is NaN or infinite, and say which.")
  var skipBadItems = false

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
    guard !topOnly || shown.show.isEmpty else {
      throw ValidationError("--top-only does not compute the scores that --show asks for")
    }
  }

  mutating func run() throws {
    try reports.check(json: json, file: scores)
    try Scoring.checkMatrixFile(scores)
    let origin = try source.origin()
    switch source.precision(of: origin) {
    case .float32: try run(origin, as: Float.self)
    case .float64: try run(origin, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(
    _ origin: ModelOptions.Origin, as type: Scalar.Type
  ) throws {
    if let column = LedgerColumn(rawValue: method) {
      try refuse([("--layer", !layer.layer.isEmpty)])
      return try run(column, origin, as: type)
    }
    let named = try Scoring.estimator(method)
    if let estimator = named as? any TextEstimator.Type {
      try refuse([("--layer", !layer.layer.isEmpty)])
      return try run(estimator, origin, as: type)
    }
    let estimator = try Scoring.gradients(named)
    try query.check(source.loss(of: origin))
    var source = try source.source(origin, trajectory: estimator.usesTrajectory, as: type)
    let queries = try query.read(
      source.model, loss: source.loss, train: source.items, record: source.record,
      hasPictures: hasPictures)
    // Queries and items to show were chosen by the numbers of all items.
    var subjects = try shown.subjects(in: source.items)
    if skipBadItems {
      let whole = source.items
      source = try source.withoutBadItems()
      subjects = try ShowOptions.subjects(subjects, of: whole, in: source.items)
    }
    if queries.isFromFile, (source.byteNote == nil) != (queries.byteNote == nil) {
      Output.warn(
        "training inputs and queries are of two types, of which bytes alone are divided by 255: "
          + (source.byteNote ?? queries.byteNote ?? ""))
    }
    let measure = query.measure
    let setting = ScoreSetting(
      model: source.model, loss: source.loss, measure: measure, items: source.items,
      queries: queries.data, checkpoints: source.checkpoints, aggregatesQueries: aggregate,
      layers: try layer.layers(of: source.model))
    let pool = try compute.makePool()
    let engine = try ScoreEngine(
      estimator.problem(setting), pool: pool, memory: compute.memory?.bytes)
    if dryRun {
      let matrix = engine.problem.rowCount * source.items.count * MemoryLayout<Scalar>.stride
      let estimate = try WorkEstimate(
        engine, pool: pool, outputBytes: scores == nil ? 0 : matrix
      ) { _ = try $0.summaries(top) }
      return try estimate.print(json: json)
    }
    let files = try reports.open()
    let sections = try Scoring.locatingFaults(source, queries.data) {
      try self.sections(engine, source.items, queries, subjects)
    }
    let report = ScoreReport(
      title: Scoring.title(items: source.items.count, outputs: sections.count),
      method: .init(estimator, measure: measure, loss: source.loss, weights: source.weights),
      measure: measure, loss: source.loss,
      model: source.model.specification, itemCount: source.items.count, sections: sections,
      notes: Scoring.notes(
        estimator, source.record, source.model, bytes: [source.byteNote, queries.byteNote])
        + LayerOptions.notes(engine),
      provenance: Scoring.provenance(source.record))
    try files.write(report, json: json, hasHeader: true)
  }

  /// Refuses options that the method does not know.
  func refuse(_ options: [(name: String, isGiven: Bool)]) throws {
    guard let option = options.first(where: \.isGiven) else { return }
    throw UsageError("--method \(method): leave out \(option.name), which it does not know")
  }

  private var hasPictures: Bool { reports.hasPictures }

  private func sections<Scalar: TensorScalar>(
    _ engine: ScoreEngine<Scalar>, _ items: Dataset<Scalar>,
    _ queries: QueryOptions.Queries<Scalar>, _ subjects: [ScoreReport.Subject]
  ) throws -> [ScoreReport.Section] {
    let count = engine.problem.rowCount * items.count
    let bar = ProgressBar("score", of: count, "scores")
    bar.show(0)
    defer { bar.finish() }
    let progress = { (share: Double) in
      try Signals.check()
      bar.show(Int(share * Double(count)))
    }
    let item = { (number: Int) in
      Scoring.item(
        number, items, "train", hasPictures: hasPictures, isNumbered: !skipBadItems)
    }
    let outputs =
      aggregate
      ? [ScoreReport.Item(id: "all \(queries.items.count) queries together")] : queries.items
    if topOnly {
      let found = try engine.topItems(top, progress: progress)
      bar.finish()
      let percent = (found.skippedShare * 1000).rounded() / 10
      Output.notice("early stopping: \(percent) % of the products were not needed\n")
      return zip(outputs, found.queries).enumerated().map { number, pair in
        .query(
          .init(
            query: pair.0, measured: found.measured[number], cocktail: nil, top: pair.1,
            zeroReason: found.zeroReasons[number], item: item))
      }
    }
    let writer = try scores.map {
      try OutputPlace.requireNoInput($0)
      return try ScoreMatrixWriter<Scalar>(
        path: $0, queries: engine.problem.rowCount, items: items.count)
    }
    var rowsOfAll = ShownRows(
      subjects, items: items, queries: engine.problem.rowCount, isNumbered: !skipBadItems)
    let summaries = try engine.summaries(top, progress: progress) { rows, columns, panel in
      rowsOfAll.take(rows, columns, panel)
      try writer?.write(
        Tensor([rows.count, columns.count], Array(panel)), rows: rows, columns: columns)
    }
    try writer?.finish()
    return zip(outputs, summaries).enumerated().map { number, pair in
      let (output, summary) = pair
      var scores = ScoreReport.QueryScores(
        query: output, measured: summary.measured, cocktail: summary.cocktail, top: summary.top,
        zeroReason: summary.zeroReason, item: item)
      scores.shown = rowsOfAll.standings(number)
      return .query(scores)
    }
  }
}
