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
        palimpsest ledger run --query test:0-49 --columns credit --scores npy
        palimpsest ledger run --query test:3 --show 17 --show group:Ann
      """)

  /// Who counts as a stranger to an item.
  enum TwinLabels: String, CaseIterable, ExpressibleByArgument {
    case same, any
  }

  @Argument(help: ArgumentHelp("Folder of a run record.", valueName: "run"))
  var folder: String

  @OptionGroup var query: QueryOptions

  @OptionGroup var trained: PatternOptions

  @OptionGroup var columns: ColumnOptions

  @Option(help: ArgumentHelp("Supporters and opponents to show for each query.", valueName: "k"))
  var top = 5

  @OptionGroup var shown: ShowOptions

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

  @OptionGroup var reports: ReportOptions

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
    try reports.check(json: json, folder: scores)
    if let scores, scores.lowercased().hasSuffix(".npy") || scores == "-" {
      throw UsageError(
        "--scores: found \"\(scores)\", expected a folder: each column is a file of it, such as "
          + "credit.npy")
    }
    let record = try RunRecord.opened(folder, patterns: trained.patterns)
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
      hasPictures: reports.hasPictures)
    let subjects = try shown.subjects(in: train)
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
    let files = try reports.open()
    let arrays = try scores.map {
      try ScoreFolder<Scalar>(
        path: $0, columns: columns.wanted, hasClaims: problem.strangers != nil,
        queries: queries.data.count, items: train.count)
    }
    let result = try columns.accounts(
      problem, columns: columns.wanted, sameLabel: twinLabels == .same, compute, pool: pool)
    try arrays?.write(result.accounts)
    if result.departure > 0 { Output.warn(Replays.note(result.departure)) }
    let report = report(
      record, train, queries.items, result.accounts, problem, result.departure, subjects)
    try files.write(report, json: json)
    try columns.checkRefusals(queries.items, result.accounts)
    try columns.checkBalance(
      queries.items, result.accounts,
      isSingle: Scalar.self == Float.self || record.manifest.precision == .float32)
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
    _ accounts: [OutputAccount], _ problem: LedgerProblem<Scalar>, _ departure: Double,
    _ subjects: [ScoreReport.Subject]
  ) -> ScoreReport {
    let settings = problem.run.optimizer
    var effects: Set<ScoreReport.QueryLedger.Effect> = []
    if settings.decays { effects.insert(.decay) }
    let hasPictures = reports.hasPictures
    let sections = zip(queries, accounts).map { item, account in
      ScoreReport.Section.ledger(
        .init(
          query: item, account: account, tolerance: columns.tolerance, effects: effects,
          count: top, shown: subjects,
          item: { Scoring.item($0, train, "train", hasPictures: false) },
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
    let who = twinLabels == .same ? "those of its own label among" : "all of"
    return columns.notes(record, columns: columns.wanted, departure)
      + (strangers.map {
        [
          "A stranger is a test item: each item's credit is compared with \(who) "
            + "\(HumanNumber.count($0)) test items at the same steps."
        ]
      } ?? [])
  }
}
