import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest ledger`: the accounts of some outputs.
struct LedgerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger",
    abstract: "Account for what training did to an output, row by row.",
    discussion: """
      Three columns: credit, each item's part of the path that training took; \
      marginal, the derivative by the item's weight; integrated, the marginal \
      integrated over the weight of all items. The exit status is 1 where rows do \
      not add up within the tolerance, or a named column is refused.

      EXAMPLES:
        palimpsest ledger run --query test:3
        palimpsest ledger run --query 'test:0..<50' --columns credit --scores npy
      """)

  /// Who counts as a stranger to an item.
  enum TwinLabels: String, CaseIterable, ExpressibleByArgument {
    case same, any
  }

  @Argument(help: ArgumentHelp("Folder of a run record.", valueName: "run"))
  var folder: String

  @OptionGroup var query: QueryOptions

  @OptionGroup var columns: ColumnOptions

  @Option(help: ArgumentHelp("Supporters and opponents to show for each query.", valueName: "k"))
  var top = 5

  @Option(
    help: ArgumentHelp(
      "Test items taken as strangers; an item meets those of its label. 0 for none. (default: 300)",
      valueName: "n"))
  var twins: Int?

  @Option(help: "Whether those are of the item's own label or of any.")
  var twinLabels = TwinLabels.same

  @Option(
    help: ArgumentHelp(
      "Folder for the columns as [Q, N], npy, and p-values.npy.", valueName: "dir"))
  var scores: String?

  @Option(help: ArgumentHelp("Write a report: .html, .jsonl or .csv.", valueName: "file"))
  var out: String?

  @Option(help: "Numbers to compute in; the run's where absent.")
  var precision: RunManifest.Precision?

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print one JSON object for each query.")
  var json = false

  func validate() throws {
    guard top >= 0 else { throw ValidationError("--top: found \(top), expected 0 or more") }
    if let twins {
      guard twins >= 0 else { throw ValidationError("--twins: found \(twins), expected 0 or more") }
      guard twins == 0 || columns.wanted.contains(.credit) else {
        throw ValidationError("--twins compares credit, which --columns leaves out")
      }
    }
  }

  mutating func run() throws {
    try OutputPlace.check(report: out, folder: scores)
    let record = try RunRecord.opened(folder)
    try query.check(record.manifest.loss)
    switch precision ?? record.manifest.precision {
    case .float32: try run(record, as: Float.self)
    case .float64: try run(record, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(_ record: RunRecord, as type: Scalar.Type) throws {
    let (loss, measure) = (record.manifest.loss, query.measure)
    let run: TrainingRun<Scalar> = try record.run()
    let train = run.train.items
    let queries = try query.read(
      record.model, loss: loss, train: train, test: run.test?.items, record: record,
      hasPictures: Scoring.hasPictures(out))
    let problem = try LedgerProblem(
      record: record, run: run, queries: queries.data,
      measure: QueryMeasure(measure, loss: loss), strangers: try strangers(run))
    let pool = try compute.makePool()
    if dryRun {
      let matrices = columns.wanted.count + (problem.strangers == nil ? 0 : 1)
      let bytes = matrices * queries.data.count * train.count * MemoryLayout<Scalar>.stride
      let estimate = try WorkEstimate(
        problem, options: columns, sameLabel: twinLabels == .same, compute, pool: pool,
        outputBytes: scores == nil ? 0 : bytes)
      return try estimate.print(json: json)
    }
    let file = try out.map { try ReportFile(path: $0) }
    let files = try scores.map {
      try ScoreFolder<Scalar>(
        path: $0, columns: columns.wanted, hasClaims: problem.strangers != nil,
        queries: queries.data.count, items: train.count)
    }
    let result = try columns.accounts(
      problem, columns: columns.wanted, sameLabel: twinLabels == .same, compute, pool: pool)
    try files?.write(result.accounts)
    let report = report(record, train, queries.items, result.accounts, problem, result.departure)
    try file?.write(report)
    if json {
      try Output.write(JSONLinesReport.results(report))
    } else {
      try Scoring.print(report, json: false)
    }
    try columns.checkRefusals(queries.items, result.accounts)
    try columns.checkBalance(queries.items, result.accounts)
  }

  /// Test items to compare with, spread evenly over all of them.
  private func strangers<Scalar: TensorScalar>(
    _ run: TrainingRun<Scalar>
  ) throws -> Dataset<Scalar>? {
    guard columns.wanted.contains(.credit), twins != 0 else { return nil }
    guard let test = run.test?.items, test.count > 0 else {
      guard twins == nil else {
        throw UsageError("--twins: the run has no test items to compare with")
      }
      return nil
    }
    let count = min(twins ?? Self.defaultTwins, test.count)
    return test[(0..<count).map { $0 * test.count / count }]
  }

  private static let defaultTwins = 300

  private func report<Scalar: TensorScalar>(
    _ record: RunRecord, _ train: Dataset<Scalar>, _ queries: [ScoreReport.Item],
    _ accounts: [OutputAccount], _ problem: LedgerProblem<Scalar>, _ departure: Double
  ) -> ScoreReport {
    let settings = problem.run.optimizer
    var effects: Set<ScoreReport.QueryLedger.Effect> = []
    if settings.weightDecay.rate != 0 { effects.insert(.decay) }
    let hasPictures = Scoring.hasPictures(out)
    let sections = zip(queries, accounts).map { item, account in
      ScoreReport.Section.ledger(
        .init(
          query: item, account: account, tolerance: columns.tolerance, effects: effects,
          count: top, item: { Scoring.item($0, train, "train", hasPictures: false) },
          picture: { hasPictures ? Scoring.image($0, train) : nil }))
    }
    let names = LedgerColumn.allCases.filter(columns.wanted.contains)
    return ScoreReport(
      title: accounts.count == 1
        ? "The account of one output" : "The accounts of \(accounts.count) outputs",
      method: .init(
        name: "ledger",
        summary: "what training did to an output, row by row: "
          + names.map(\.rawValue).joined(separator: ", "),
        unit: query.measure.unit(record.manifest.loss)),
      measure: query.measure, loss: record.manifest.loss, model: record.model.specification,
      itemCount: train.count, sections: sections,
      notes: notes(record, strangers: problem.strangers?.count, departure),
      provenance: Scoring.provenance(record))
  }

  /// What a reader must know before trusting the numbers.
  private func notes(_ record: RunRecord, strangers: Int?, _ departure: Double) -> [String] {
    var notes: [String] = []
    let optimizer = record.manifest.optimizer.name
    if columns.wanted.contains(.credit), optimizer.hasPrefix("adam") {
      notes.append(
        "Credit takes the scaling that \(optimizer) gives each parameter as it was: what an item did "
          + "to the scaling of others is not in its row.")
    }
    if record.manifest.optimizer.clipNorm != nil {
      notes.append(
        "The run clipped its gradients: an item's row is what clipping left of its steps, so clipping "
          + "has no row of its own.")
    }
    if columns.rule == .left, columns.wanted.contains(.credit) {
      notes.append(
        "With the rule left, credit is TracIn at every step: its residual is what first order leaves "
          + "out.")
    }
    if let strangers {
      let who = twinLabels == .same ? "those of its own label among" : "all of"
      notes.append(
        "A stranger is a test item: each item's credit is compared with \(who) "
          + "\(HumanNumber.count(strangers)) test items at the same steps.")
    }
    if departure > 0 {
      notes.append(
        "The replay did not meet the recorded checkpoints bit for bit: it missed them by up to "
          + "\(HumanNumber.significant(departure, digits: 2)) of the way between two.")
    }
    return notes
  }
}
