import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest self-influence`: the diagonal of the score matrix.
struct SelfInfluenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "self-influence",
    abstract: "Score every training item against itself: high for items learnt by heart.",
    discussion: """
      EXAMPLES:
        palimpsest self-influence run --top 20 --scores self.npy
        palimpsest self-influence run --show 17 --out self.html --out self.csv
      """)

  @OptionGroup var source: ModelOptions

  @Option(help: ArgumentHelp("Method; see `palimpsest list methods`.", valueName: "name"))
  var method = TracIn.name

  @OptionGroup var layer: LayerOptions

  @Option(help: ArgumentHelp("Items to print.", valueName: "k"))
  var top = 10

  @OptionGroup var shown: ShowOptions

  @Option(help: ArgumentHelp("Write all values, npy [N].", valueName: "file"))
  var scores: String?

  @OptionGroup var reports: ReportOptions

  @Flag(help: "Leave out training items whose gradient is NaN or infinite, and say which.")
  var skipBadItems = false

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print one JSON object per item.")
  var json = false

  func validate() throws {
    guard top >= 0 else { throw ValidationError("--top: found \(top), expected 0 or more") }
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
    let estimator = try Scoring.gradients(Scoring.estimator(method))
    var source = try source.source(origin, trajectory: estimator.usesTrajectory, as: type)
    var subjects = try shown.subjects(in: source.items)
    if skipBadItems {
      let whole = source.items
      source = try source.withoutBadItems()
      subjects = try ShowOptions.subjects(subjects, of: whole, in: source.items)
    }
    let setting = ScoreSetting(
      model: source.model, loss: source.loss, items: source.items, queries: source.items[[]],
      checkpoints: source.checkpoints, layers: try layer.layers(of: source.model))
    let pool = try compute.makePool()
    let engine = try ScoreEngine(
      estimator.problem(setting), pool: pool, memory: compute.memory?.bytes)
    if dryRun {
      let bytes = scores == nil ? 0 : source.items.count * MemoryLayout<Double>.stride
      let estimate = try WorkEstimate(engine, pool: pool, outputBytes: bytes) {
        _ = try $0.selfInfluence()
      }
      return try estimate.print(json: json)
    }
    // A place that cannot be written is known before the work.
    if let scores {
      try OutputPlace.requireNoInput(scores)
      _ = try AtomicFile(path: scores)
    }
    let files = try reports.open()
    let values = try Scoring.locatingFaults(source, source.items) { try selfInfluence(engine) }
    if let scores { try NPY.write(Tensor<Double>([values.count], values), to: scores) }
    let report = report(values, subjects, source, engine, estimator)
    guard json else { return try files.write(report, json: false) }
    // A short object for each item that is shown; --out FILE.jsonl has all of them.
    try files.writeFiles(report)
    try printJSON(report, source)
  }

  private func report<Scalar: TensorScalar>(
    _ values: [Double], _ subjects: [ScoreReport.Subject], _ source: ModelOptions.Source<Scalar>,
    _ engine: ScoreEngine<Scalar>, _ estimator: any GradientEstimator.Type
  ) -> ScoreReport {
    let (items, hasPictures) = (source.items, reports.hasPictures)
    return ScoreReport(
      title: "Self-influence of \(HumanNumber.count(values.count)) training items",
      method: .init(estimator, measure: .loss, loss: source.loss, weights: source.weights),
      measure: .loss, loss: source.loss, model: source.model.specification,
      itemCount: values.count,
      sections: [
        .selfInfluence(
          .init(
            values: values, count: top, subjects: subjects, groups: items.groups,
            zeroReason: engine.problem.zeroReason ?? "every gradient is zero"
          ) {
            Scoring.item(
              $0, items, "train", hasPictures: hasPictures, isNumbered: !skipBadItems)
          })
      ],
      notes: Scoring.notes(estimator, source.record, source.model, bytes: [source.byteNote])
        + LayerOptions.notes(engine),
      provenance: Scoring.provenance(source.record))
  }

  private func selfInfluence<Scalar: TensorScalar>(
    _ engine: ScoreEngine<Scalar>
  ) throws -> [Double] {
    let count = engine.problem.items.count
    let bar = ProgressBar("self-influence", of: count, "items")
    bar.show(0)
    defer { bar.finish() }
    return try engine.selfInfluence { share in
      try Signals.check()
      bar.show(Int(share * Double(count)))
    }
  }

  private func printJSON<Scalar: TensorScalar>(
    _ report: ScoreReport, _ source: ModelOptions.Source<Scalar>
  ) throws {
    guard let part = report.selfInfluences.first else { return }
    let top = part.order.prefix(part.shown).enumerated().map { ($0.offset + 1, $0.element) }
    // An item that stands in the list already is not said twice.
    let asked = part.standings.compactMap { standing in
      standing.number.flatMap { number in standing.rank.map { ($0, number) } }
    }.filter { $0.0 > top.count }
    for (rank, item) in top + asked {
      let label = source.items.labels.map { Int($0[item]) }
      let members: [JSONValue.Member] = [
        .init("rank", .number(rank)), .init("item", .number(item)),
        .init("id", .string(part.item(item).id)),
        .init("label", label.map { .number($0) } ?? .null),
        .init("value", .number(part.values[item])),
      ]
      try Output.line("\(JSONValue.object(members))")
    }
    for standing in part.standings where standing.number == nil {
      let members: [JSONValue.Member] = [
        .init("group", .string(standing.item.group)), .init("items", .number(standing.count)),
        .init("value", .number(standing.score)),
      ]
      try Output.line("\(JSONValue.object(members))")
    }
  }
}
