import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest evaluate`: how good scores are.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Say how well methods foresee what retraining does.",
    discussion: """
      The metric lds leaves out random items, trains again, and compares what comes \
      out for each query with the sums of the scores: 1 is a perfect ranking of the \
      retrainings, and scores that know nothing are near 0. The metric mislabel asks \
      whether the scores of items for themselves find those with wrong labels. The \
      exit status is 1 where a method that was named refuses a query.

      EXAMPLES:
        palimpsest evaluate run --query test:0-49
        palimpsest evaluate run --methods marginal,tracin --removed 0.1 --subsets 50
        palimpsest evaluate run --metrics mislabel
      """)

  @Argument(help: ArgumentHelp("Folder of a run record.", valueName: "run"))
  var folder: String

  @OptionGroup var query: QueryOptions

  @Option(
    help: ArgumentHelp(
      "Metrics: \(EvaluationRegistry.all.map { $0.name }.joined(separator: ",")).",
      valueName: "names"), transform: Self.readMetrics)
  var metrics: [any EvaluationMetric.Type] = [LinearDatamodelingMetric.self]

  @Option(
    help: ArgumentHelp(
      "Columns of the ledger and methods of `palimpsest list methods`. (default: credit,marginal,integrated,tracin; for mislabel tracin,credit,memorization,counterfactual)",
      valueName: "names"), transform: Self.readMethods)
  var methods: [EvaluationMethod]?

  @Option(
    help: ArgumentHelp(
      "Shares of the training items to leave out. (default: 0.05,0.5)", valueName: "shares"),
    transform: Self.readFractions)
  var removed: [Double]?

  @Option(
    help: ArgumentHelp(
      "Retrainings for each share, and on subsets for memorization. (default: 100; for mislabel 500)",
      valueName: "n"))
  var subsets: Int?

  @Option(
    help: ArgumentHelp(
      "Rows of the training items with wrong labels; those of train --flip-labels where absent.",
      valueName: "file"))
  var mislabeled: String?

  @Option(help: ArgumentHelp("Seed of the items that are left out.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Largest residual of the integrated column, relative to the gross movement.",
      valueName: "x"))
  var tolerance = 1e-4

  @OptionGroup var reports: ReportOptions

  @Option(help: "Numbers to compute in; the run's where absent.")
  var precision: RunManifest.Precision?

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Print one JSON object for each trial, and each method in it.")
  var json = false

  func validate() throws {
    if let subsets {
      guard (2...1_000_000).contains(subsets) else {
        throw ValidationError("--subsets: found \(subsets), expected 2 to 1000000")
      }
    }
    if mislabeled != nil, !metrics.contains(where: { $0.subject == .items }) {
      throw ValidationError("--mislabeled goes with --metrics mislabel")
    }
    if metrics.contains(where: { $0.subject == .outputs }) {
      for case .memorization(let kind) in methods ?? [] {
        throw ValidationError(
          "--methods: \(kind.rawValue) scores training items and no other outputs: it goes with "
            + "--metrics mislabel alone")
      }
    }
    guard tolerance > 0, tolerance.isFinite else {
      throw ValidationError("--tolerance: found \(tolerance), expected a number above 0")
    }
  }

  private static func readMetrics(_ text: String) throws -> [any EvaluationMetric.Type] {
    let known = EvaluationRegistry.all.map { $0.name }
    return try NameList(text, known: known).names.compactMap { EvaluationRegistry.metric($0) }
  }

  private static func readMethods(_ text: String) throws -> [EvaluationMethod] {
    let all = EvaluationMethod.all
    return try NameList(text, known: all.map(\.name)).names.compactMap { name in
      all.first { $0.name == name }
    }
  }

  private static func readFractions(_ text: String) throws -> [Double] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let fraction = Double(part), fraction > 0, fraction < 1 else {
        throw ValidationError(
          "found \"\(part)\", expected shares between 0 and 1, such as 0.05,0.5")
      }
      return fraction
    }
  }

  mutating func run() throws {
    try reports.check(json: json)
    let record = try RunRecord.opened(folder)
    try query.check(record.manifest.loss)
    switch precision ?? record.manifest.precision {
    case .float32: try run(record, as: Float.self)
    case .float64: try run(record, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(_ record: RunRecord, as type: Scalar.Type) throws {
    let run: TrainingRun<Scalar> = try record.run()
    let subjects = Set(metrics.map { $0.subject })
    let queries =
      try subjects.contains(.outputs)
      ? query.read(
        record.model, loss: run.loss, train: run.train.items, test: run.test?.items, record: record,
        hasPictures: false)
      : QueryOptions.Queries(data: run.train.items[[]], items: [])
    let setting = EvaluationSetting(
      run: run, queries: queries.data, measure: query.measure,
      fractions: try fractions(of: run.train.items.count), subsets: subsets ?? 100, seed: seed,
      mislabeled: try subjects.contains(.items) ? wrongLabels(run) : nil)
    let files = try reports.open()
    let pool = try compute.makePool()
    let departure = try Replays.departure(record, run, pool: pool)
    let notes = departure.map { [Replays.note($0)] } ?? []
    notes.forEach(Output.warn)
    // First what a limit of memory may refuse.
    var scores: [EvaluationSubject: [EvaluationMethod.Scores]] = [:]
    for subject in [EvaluationSubject.outputs, .items] where subjects.contains(subject) {
      scores[subject] = try wanted(subject).map { method in
        try Self.withProgress(method.name, "passes") {
          switch subject {
          case .outputs:
            try method.scores(
              record, run: run, queries: queries.data, measure: query.measure, tolerance: tolerance,
              pool: pool, memory: compute.memory?.bytes, progress: $0)
          case .items:
            try method.itemScores(
              record, run: run, subsets: .init(count: subsets ?? 500, seed: seed),
              tolerance: tolerance,
              pool: pool, memory: compute.memory?.bytes, progress: $0)
          }
        }
      }
    }
    let trials = try metrics.map { metric in
      try Self.withProgress(metric.name, "retrainings") {
        try metric.trials(setting, pool: pool, progress: $0)
      }
    }
    let evaluations = zip(metrics, trials).map { metric, trials in
      evaluation(
        metric, trials, scores[metric.subject] ?? [],
        metric.subject == .items
          ? (0..<run.train.items.count).map { Scoring.id($0, run.train.items, "train") }
          : queries.items.map(\.id))
    }
    let report = report(record, run, evaluations, notes)
    try files.write(report, json: json)
    try judge(evaluations)
  }

  private func wanted(_ subject: EvaluationSubject) -> [EvaluationMethod] {
    switch subject {
    case .outputs:
      methods ?? LedgerColumn.allCases.map { .column($0) } + [.estimator(TracIn.self)]
    case .items:
      methods ?? [.estimator(TracIn.self), .column(.credit)]
        + MemorizationKind.allCases.map { .memorization($0) }
    }
  }

  /// The training items whose labels are known to be wrong.
  private func wrongLabels<Scalar: TensorScalar>(_ run: TrainingRun<Scalar>) throws -> [Int] {
    guard let mislabeled else {
      guard let flipped = run.flippedLabels else {
        throw UsageError(
          "which labels are wrong? \(FormatError.printable(folder)) does not say: expected "
            + "--mislabeled FILE, or a run of train --flip-labels")
      }
      return flipped.items
    }
    return try ItemNumbers.read(path: mislabeled, items: run.train.items.count)
  }

  /// The shares that are left out, each of which must take some items and leave some.
  private func fractions(of items: Int) throws -> [Double] {
    let fractions = removed ?? [0.05, 0.5]
    for fraction in fractions {
      let count = Int((fraction * Double(items)).rounded())
      guard count > 0, count < items else {
        throw UsageError(
          "--removed: \(fraction) of \(items) items is \(count), expected at least one item left out "
            + "and one kept")
      }
    }
    return fractions
  }

  private static func withProgress<Result>(
    _ title: String, _ unit: String, _ body: ((Int, Int) throws -> Void) throws -> Result
  ) throws -> Result {
    let bar = ProgressBar(title, of: 1, unit)
    defer { bar.finish() }
    bar.show(0)
    return try body { done, total in
      try Signals.check("nothing was written; repeat the command")
      bar.show(done, of: total)
    }
  }

  private func evaluation(
    _ metric: any EvaluationMetric.Type, _ trials: [EvaluationTrial],
    _ scores: [EvaluationMethod.Scores], _ ids: [String]
  ) -> ScoreReport.Evaluation {
    ScoreReport.Evaluation(
      metric: metric.name, summary: metric.summary, meaning: metric.legend,
      counted: metric.subject == .items ? "items" : "queries",
      queryCount: ids.count,
      trials: trials.map {
        .init(name: $0.name, retrainings: $0.retrainings, seconds: $0.seconds)
      },
      methods: zip(wanted(metric.subject), scores).map { method, scores in
        .init(
          name: method.name, figures: trials.map { figure($0.judge(scores.rows), of: $0) },
          refusals: scores.refusals.sorted { $0.key < $1.key }.map { .init(ids[$0.key], $0.value) },
          seconds: scores.seconds)
      })
  }

  /// A figure, without its interval where too few retrainings were drawn again for one.
  private func figure(
    _ figure: EvaluationFigure, of trial: EvaluationTrial
  ) -> EvaluationFigure {
    var figure = figure
    if (1..<Self.fewestForInterval).contains(trial.retrainings) { figure.interval = nil }
    return figure
  }

  private static let fewestForInterval = 10

  private func report<Scalar: TensorScalar>(
    _ record: RunRecord, _ run: TrainingRun<Scalar>, _ evaluations: [ScoreReport.Evaluation],
    _ notes: [String]
  ) -> ScoreReport {
    var names: [String] = []
    for name in evaluations.flatMap({ $0.methods.map(\.name) }) where !names.contains(name) {
      names.append(name)
    }
    return ScoreReport(
      title: "How good the scores of \(names.count) methods are",
      method: .init(
        name: "evaluate", summary: names.joined(separator: ", "),
        unit: query.measure.unit(run.loss)),
      measure: query.measure, loss: run.loss, model: record.model.specification,
      itemCount: run.train.items.count, sections: evaluations.map { .evaluation($0) },
      notes: notes,
      provenance: Scoring.provenance(record))
  }

  /// Ends with no where a method that was asked for by name refuses a query.
  private func judge(_ evaluations: [ScoreReport.Evaluation]) throws {
    guard methods != nil else { return }
    for method in evaluations.flatMap(\.methods) {
      if let refusal = method.refusals.first {
        throw AnswerIsNo("\(refusal.name): the column \(method.name) is refused: \(refusal.value)")
      }
    }
  }
}
