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
      bit for bit, or, for a record of another program or machine, within what \
      rounding explains. The exit status is 1 where they do not, or a named column \
      is refused.

      EXAMPLES:
        palimpsest retrain run --without 17,18 --query test:3
        palimpsest retrain run --without-top 30 --query test:0-9
        palimpsest retrain run --check
      """)

  @Argument(help: ArgumentHelp("Folder of a run record.", valueName: "run"))
  var folder: String

  @OptionGroup var removal: RemovalOptions

  @OptionGroup var query: QueryOptions

  @OptionGroup var columns: ColumnOptions

  @OptionGroup var reports: ReportOptions

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
      + (reports.out.isEmpty ? [] : ["--out"])
  }

  mutating func run() throws {
    try reports.check(json: json)
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
    if check {
      try replay(record, run, pool)
      return
    }
    let queries = try query.read(
      record.model, loss: run.loss, train: run.train.items, test: run.test?.items,
      record: record, hasPictures: false)
    let known = try removal.named(run)
    let files = try reports.open()
    let departure = try replay(record, run, pool)
    let measure = QueryMeasure(query.measure, loss: run.loss)
    // A run that does not come out bit for bit is accounted for as it comes out here: what is trained
    // again comes out so too.
    let problem =
      try departure == nil
      ? LedgerProblem(record: record, run: run, queries: queries.data, measure: measure)
      : LedgerProblem(run: run, queries: queries.data, measure: measure)
    let replayNotes = try Replays.notes(departure, record, run, query.measure, queries, pool: pool)
    replayNotes.forEach(Output.warn)
    let (removals, accounts) = try self.accounts(problem, known, pool)
    let receipts = try Receipts(
      run: run, measure: query.measure, queries: queries, accounts: accounts
    ).receipts(removals, pool: pool)
    let report = report(
      record, run, receipts, removals: removals.count,
      notes: replayNotes + notes(queries.items, accounts), departure)
    try files.write(report, json: json)
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

  /// Takes all steps again and says how the recorded parameters come out.
  ///
  /// - Returns: The largest departure, which rounding explains; nil where every bit comes out.
  /// - Throws: ``AnswerIsNo`` with the step where rounding does not explain what comes out.
  @discardableResult
  private func replay<Scalar: TensorScalar>(
    _ record: RunRecord, _ run: TrainingRun<Scalar>, _ pool: WorkerPool
  ) throws -> ReplayDeparture? {
    let departure = try Replays.any(record, run, pool: pool)
    if json {
      let members: [JSONValue.Member] = [
        .init("departure", departure.map { .string("\($0)") } ?? .null),
        .init("departureRounding", departure.map { .number($0.rounding) } ?? .null),
        .init("departureShare", departure.map { .number($0.share) } ?? .null),
        .init("departureStep", departure.map { .number($0.step) } ?? .null),
        .init("isExact", .bool(departure == nil)), .init("kind", .string("replay")),
        .init("steps", .number(record.steps)),
      ]
      try say("\(JSONValue.object(members))")
    }
    let name = FormatError.printable(record.folder)
    if let departure, !departure.isRounding { throw AnswerIsNo("\(name): \(departure)") }
    if !json, reports.format == nil {
      let how = departure.map {
        "rounding explains what they miss, at most "
          + "\(HumanNumber.significant($0.share, digits: 2)) of the way between two checkpoints "
          + "(other rounding of the same steps makes "
          + "\(HumanNumber.significant($0.rounding, digits: 2)))"
      }
      try say(
        "\(name): \(HumanNumber.count(record.steps)) steps replayed; "
          + (how ?? "every checkpoint comes out bit for bit") + (check ? "" : "\n"))
    }
    return departure
  }

  /// Prints a line before the work; where nobody reads it, files are still to be written.
  private func say(_ line: String) throws {
    do { try Output.line(line) } catch is Output.ReaderGone
      where reports.out.contains(where: { $0 != "-" })
    {}
  }

  private func report<Scalar: TensorScalar>(
    _ record: RunRecord, _ run: TrainingRun<Scalar>, _ receipts: [ScoreReport.Receipt],
    removals: Int, notes: [String], _ departure: ReplayDeparture?
  ) -> ScoreReport {
    var provenance = Scoring.provenance(record)
    provenance.facts.append(
      .init(
        "replay",
        departure.map { "all steps as recorded; \($0)" }
          ?? "all steps as recorded, every checkpoint bit for bit"))
    let unit = query.measure.unit(run.loss)
    return ScoreReport(
      title: removals == 1 ? "One retraining" : "\(removals) retrainings",
      method: .init(name: "retrain", summary: "items \(removal.semantics)", unit: unit),
      measure: query.measure, loss: run.loss, model: record.model.specification,
      itemCount: run.train.items.count, sections: [.receipts(receipts)], notes: notes,
      provenance: provenance)
  }
}
