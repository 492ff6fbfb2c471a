import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest retrain`: what the accounts predict, and what comes out.
struct RetrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retrain",
    abstract: "Train again without some items, and compare with what was predicted.",
    discussion: """
      First the run is replayed as it was: the recorded parameters must come out \
      bit for bit. The exit status is 1 where they do not, or a named column is \
      refused.

      EXAMPLES:
        palimpsest retrain run --without 17,18 --query test:3
        palimpsest retrain run --without-top 30 --query 'test:0..<10'
        palimpsest retrain run --check
      """)

  @Argument(help: ArgumentHelp("Folder of a run record.", valueName: "run"))
  var folder: String

  @OptionGroup var removal: RemovalOptions

  @OptionGroup var query: QueryOptions

  @OptionGroup var columns: ColumnOptions

  @Option(help: ArgumentHelp("Write a report: .html, .jsonl or .csv.", valueName: "file"))
  var out: String?

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Replay the run as it was, say whether it comes out, and stop.")
  var check = false

  @Flag(help: "Print JSON lines: the replay, each receipt, how well each column did.")
  var json = false

  func validate() throws {
    if check {
      if let option = optionsBesideCheck.first {
        throw ValidationError("--check only replays the run; leave out \(option)")
      }
    } else if removal.isEmpty {
      throw ValidationError(
        "what is to be left out? Expected --without, --without-group, --without-top or --near-duplicates"
      )
    }
  }

  /// What was asked for that a check does not do.
  private var optionsBesideCheck: [String] {
    removal.given + query.given + (columns.columns == nil ? [] : ["--columns"])
      + (out == nil ? [] : ["--out"])
  }

  mutating func run() throws {
    try OutputPlace.check(report: out)
    let record = try RunRecord.opened(folder)
    try query.check(record.manifest.loss)
    // Only in the recorded precision do the recorded bits come out.
    switch record.manifest.precision {
    case .float32: try run(record, as: Float.self)
    case .float64: try run(record, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(_ record: RunRecord, as type: Scalar.Type) throws {
    let pool = try compute.makePool()
    let run: TrainingRun<Scalar> = try record.run()
    if check { return try replay(record, run, pool) }
    let queries = try query.read(
      record.model, loss: run.loss, train: run.train.items, test: run.test?.items,
      record: record, hasPictures: false)
    let known = try removal.named(run)
    let file = try out.map { try ReportFile(path: $0) }
    try replay(record, run, pool)
    let problem = try LedgerProblem(
      record: record, run: run, queries: queries.data,
      measure: QueryMeasure(query.measure, loss: run.loss))
    let (removals, accounts) = try self.accounts(problem, known, pool)
    let receipts = try Receipts(
      run: run, measure: query.measure, queries: queries, accounts: accounts
    ).receipts(removals, pool: pool)
    let report = report(
      record, run, receipts, removals: removals.count, notes: notes(queries.items, accounts))
    try file?.write(report)
    if json {
      try Output.write(JSONLinesReport.results(report))
    } else {
      try Scoring.print(report, json: false)
    }
    try columns.checkRefusals(queries.items, accounts)
  }

  /// All removals, and the accounts that foresee them.
  ///
  /// The strongest supporters are known from credit alone. Where its rows say what leaving items out
  /// does, they are not swept for again.
  private func accounts<Scalar: TensorScalar>(
    _ problem: LedgerProblem<Scalar>, _ known: [RemovalOptions.Named], _ pool: WorkerPool
  ) throws -> (removals: [RemovalOptions.Named], accounts: [OutputAccount]) {
    func accounts(
      _ columns: Set<LedgerColumn>, _ removals: [RemovalOptions.Named] = []
    ) throws -> [OutputAccount] {
      try self.columns.accounts(
        problem, columns: columns, removals: removals.map(\.removal), compute, pool: pool
      ).accounts
    }
    guard removal.withoutTop != nil else { return (known, try accounts(columns.wanted, known)) }
    var credit = try accounts([.credit])
    let removals = known + (try removal.strongest(credit, problem.run))
    for query in credit.indices {
      guard credit[query].predictCredit(of: removals.map(\.removal)) else {
        return (removals, try accounts(columns.wanted, removals))
      }
    }
    let others = columns.wanted.subtracting([.credit])
    if others.isEmpty { return (removals, credit) }
    var all = try accounts(others, removals)
    if columns.wanted.contains(.credit) {
      for query in all.indices { all[query].columns[.credit] = credit[query].columns[.credit] }
    }
    return (removals, all)
  }

  /// A note for each column that has no prediction for some queries, with the reasons.
  private func notes(_ queries: [ScoreReport.Item], _ accounts: [OutputAccount]) -> [String] {
    LedgerColumn.allCases.compactMap { column in
      let refusals = ColumnOptions.refusals(queries, accounts, [column])
      guard !refusals.isEmpty else { return nil }
      let named = refusals.prefix(Self.mostReasons).map { "\($0.query), because \($0.reason)" }
      let more = refusals.count - named.count
      return "The column \(column.rawValue) predicts nothing for "
        + named.joined(separator: "; for ")
        + (more > 0 ? "; and for \(HumanNumber.count(more)) more." : ".")
    }
  }

  /// Refused queries of a column that a note gives the reasons of.
  private static let mostReasons = 3

  /// Takes all steps again and says that the recorded parameters come out.
  ///
  /// - Throws: ``AnswerIsNo`` with the step where they do not.
  private func replay<Scalar: TensorScalar>(
    _ record: RunRecord, _ run: TrainingRun<Scalar>, _ pool: WorkerPool
  ) throws {
    let bar = ProgressBar("replay", of: record.steps, "steps")
    defer { bar.finish() }
    let departure = try record.replay(run, pool: pool) {
      try Signals.check("nothing was written; repeat the command")
      bar.show($0.step)
    }
    bar.finish()
    if json {
      let members: [JSONValue.Member] = [
        .init("departure", departure.map { .string("\($0)") } ?? .null),
        .init("departureStep", departure.map { .number($0.step) } ?? .null),
        .init("isExact", .bool(departure == nil)), .init("kind", .string("replay")),
        .init("steps", .number(record.steps)),
      ]
      try Output.line("\(JSONValue.object(members))")
    }
    if let departure { throw AnswerIsNo("\(FormatError.printable(record.folder)): \(departure)") }
    if !json {
      try Output.line(
        "\(FormatError.printable(record.folder)): \(HumanNumber.count(record.steps)) steps replayed; "
          + "every checkpoint comes out bit for bit" + (check ? "" : "\n"))
    }
  }

  private func report<Scalar: TensorScalar>(
    _ record: RunRecord, _ run: TrainingRun<Scalar>, _ receipts: [ScoreReport.Receipt],
    removals: Int, notes: [String]
  ) -> ScoreReport {
    var provenance = Scoring.provenance(record)
    provenance.facts.append(
      .init("replay", "all steps as recorded, every checkpoint bit for bit"))
    let unit = query.measure.unit(run.loss)
    return ScoreReport(
      title: removals == 1 ? "One retraining" : "\(removals) retrainings",
      method: .init(name: "retrain", summary: "items \(removal.semantics)", unit: unit),
      measure: query.measure, loss: run.loss, model: record.model.specification,
      itemCount: run.train.items.count, sections: [.receipts(receipts)], notes: notes,
      provenance: provenance)
  }
}
