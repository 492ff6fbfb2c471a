import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest memorization`: which items a model learns by heart.
struct MemorizationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memorization",
    abstract: "Say how much of each training item is memorised, by training without it.",
    discussion: """
      Trains many models on random subsets of the items. An item is memorised as far \
      as models that learnt it are right on it and the others are not; it influences a \
      test item in the same sense. Models are kept in the run's folder: an \
      interrupted command goes on where it stopped, and more models are added to \
      those that are there.

      EXAMPLES:
        palimpsest memorization run --models 2000
        palimpsest memorization run --until-width 0.1 --scores npy --out memorization.html
      """)

  @Argument(help: ArgumentHelp("Folder of a run record.", valueName: "run"))
  var folder: String

  @Option(
    help: ArgumentHelp(
      "Models to train; with --until-width the most. (default: 500, or 10000)", valueName: "m"))
  var models: Int?

  @Option(help: ArgumentHelp("Share of the items that each model learns.", valueName: "share"))
  var fraction = 0.7

  @Option(
    help: ArgumentHelp(
      "Add models until no item's 95 % interval of memorisation is longer.", valueName: "x"))
  var untilWidth: Double?

  @Option(help: ArgumentHelp("Seed of the subsets.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ArgumentHelp("Items, and pairs of items, to show.", valueName: "k"))
  var top = 10

  @Flag(
    inversion: .prefixedNo,
    help: "Compare with the ledger's share, which takes an account of every item.")
  var ledger = true

  @Option(
    help: ArgumentHelp(
      "Folder for memorization.npy and counterfactual.npy [N], their intervals [N, 2], and influence.npy "
        + "and counterfactual-influence.npy [T, N] of T test items.", valueName: "dir"))
  var scores: String?

  @OptionGroup var reports: ReportOptions

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print one JSON object for the whole, each item and each pair.")
  var json = false

  private static let mostModels = 1_000_000

  func validate() throws {
    if let models {
      guard (2...Self.mostModels).contains(models) else {
        throw ValidationError("--models: found \(models), expected 2 to \(Self.mostModels)")
      }
    }
    guard fraction > 0, fraction < 1 else {
      throw ValidationError("--fraction: found \(fraction), expected a share between 0 and 1")
    }
    if let untilWidth {
      guard untilWidth > 0, untilWidth < 2 else {
        throw ValidationError(
          "--until-width: found \(untilWidth), expected a length between 0 and 2")
      }
    }
    guard top >= 0 else { throw ValidationError("--top: found \(top), expected 0 or more") }
  }

  mutating func run() throws {
    try reports.check(json: json, folder: scores)
    let record = try RunRecord.opened(folder)
    // Only in the recorded precision are the models those that the run would have made.
    switch record.manifest.precision {
    case .float32: try run(record, as: Float.self)
    case .float64: try run(record, as: Double.self)
    }
  }

  private var most: Int { models ?? (untilWidth == nil ? 500 : 10_000) }

  private func run<Scalar: TensorScalar>(_ record: RunRecord, as type: Scalar.Type) throws {
    // The scores beside need all of the run's checkpoints.
    _ = try record.checkpoints()
    let pool = try compute.makePool()
    let run: TrainingRun<Scalar> = try record.run()
    if dryRun { return try estimate(run, pool).print(json: json) }
    let bank = try SubsetBank<Scalar>(record, run: run, fraction: fraction, seed: seed, pool: pool)
    func open() throws -> (report: ReportFiles, scores: MemorizationFiles?) {
      (
        try reports.open(),
        try scores.map {
          try MemorizationFiles(path: $0, items: bank.plan.items, tests: bank.testItems)
        }
      )
    }
    let departure = try Replays.departure(record, run, pool: pool)
    let replayNotes = departure.map { [Replays.note($0)] } ?? []
    replayNotes.forEach(Output.warn)
    // A place that cannot be written is known before the work, and a killed one leaves nothing there.
    _ = try open()
    let tally = try tally(bank)
    let (file, arrays) = try open()
    var pairs = InfluencePairs(most: top)
    try bank.forEachInfluenceRow(tally) { row in
      try Signals.check("repeat the command to go on where it stopped")
      pairs.add(row)
      try arrays?.write(row)
    }
    try arrays?.write(tally)
    let selfInfluence = try beside(.estimator(TracIn.self), record, run, pool)
    let shares = ledger ? try beside(.column(.credit), record, run, pool) : nil
    let report = report(
      record, run.train.items, run.test?.items, tally, pairs.pairs, kept: bank.plan.kept,
      selfInfluence, shares, replayNotes)
    try file.write(report, json: json)
    try judge(tally)
  }

  private func tally<Scalar: TensorScalar>(_ bank: SubsetBank<Scalar>) throws -> MemorizationTally {
    let bar = ProgressBar("memorization", of: most, "models")
    defer { bar.finish() }
    bar.show(min(bank.count, most))
    return try bank.tally(models: most, untilWidth: untilWidth) { done, expected in
      try Signals.check("repeat the command to go on where it stopped")
      bar.show(done, of: expected)
    }
  }

  /// The scores of a method that takes the one run.
  private func beside<Scalar: TensorScalar>(
    _ method: EvaluationMethod, _ record: RunRecord, _ run: TrainingRun<Scalar>, _ pool: WorkerPool
  ) throws -> [Double] {
    let bar = ProgressBar(method.name, of: record.manifest.train.count, "items")
    defer { bar.finish() }
    bar.show(0)
    return try method.itemScores(
      record, run: run, subsets: .init(count: most, fraction: fraction, seed: seed), pool: pool,
      memory: compute.memory?.bytes
    ) { done, total in
      try Signals.check("repeat the command to go on where it stopped")
      bar.show(done, of: total)
    }.rows[0]
  }

  private func report<Scalar: TensorScalar>(
    _ record: RunRecord, _ train: Dataset<Scalar>, _ test: Dataset<Scalar>?,
    _ tally: MemorizationTally, _ pairs: [InfluencePair], kept: Int, _ selfInfluence: [Double],
    _ shares: [Double]?, _ replayNotes: [String]
  ) -> ScoreReport {
    let hasPictures = reports.hasPictures
    typealias Entry = ScoreReport.Memorization.Entry
    func number(_ value: Double?) -> Double? { value.flatMap { $0.isNaN ? nil : $0 } }
    let entries = (0..<tally.items).map { item in
      Entry(
        number: item, item: Scoring.item(item, train, "train"),
        memorization: tally.memorization(item), counterfactual: tally.counterfactual(item),
        accuracyInside: tally.accuracyInside(item), accuracyOutside: tally.accuracyOutside(item),
        selfInfluence: number(selfInfluence[item]), ledgerShare: number(shares?[item]))
    }
    var memorization = ScoreReport.Memorization(
      models: tally.models, kept: kept, widths: tally.widths, entries: entries,
      pairs: test.map { test in
        pairs.map { pair in
          .init(
            pair, item: Scoring.item(pair.item, train, "train", hasPictures: hasPictures),
            test: Scoring.item(pair.test, test, "test", hasPictures: hasPictures))
        }
      }, shown: top)
    if hasPictures {
      for entry in memorization.shownEntries {
        memorization.entries[entry.number].item = Scoring.item(
          entry.number, train, "train", hasPictures: true)
      }
    }
    return ScoreReport(
      title: "Memorisation of \(tally.items) training items",
      method: .init(
        name: "memorization",
        summary: "\(tally.models) models, each trained on \(kept) of \(tally.items) items",
        unit: nil),
      measure: .loss, loss: record.manifest.loss, model: record.model.specification,
      itemCount: tally.items, sections: [.memorization(memorization)],
      notes: replayNotes + notes(record),
      provenance: Scoring.provenance(record))
  }

  /// What a reader must know before trusting the numbers.
  private func notes(_ record: RunRecord) -> [String] {
    var notes = [
      "Each model repeats the run without its left-out items: their places in the batches stay empty and "
        + "the mean is over the others. Initial parameters and the order of the others are the run's, so "
        + "the numbers are of this run's training, not of other seeds."
    ]
    notes += Scoring.notes(TracIn.self, record).map { "Self-influence (tracin): \($0)" }
    return notes
  }

  /// Ends with no where the intervals were to be shorter than the models allow.
  private func judge(_ tally: MemorizationTally) throws {
    guard let untilWidth, tally.widths.widest > untilWidth else { return }
    throw AnswerIsNo(
      "--until-width: found an interval of \(HumanNumber.significant(tally.widths.widest)) after "
        + "\(tally.models) models, expected at most \(untilWidth); allow more with --models")
  }

  private func estimate<Scalar: TensorScalar>(
    _ run: TrainingRun<Scalar>, _ pool: WorkerPool
  ) throws -> WorkEstimate {
    let items = run.train.items.count
    let plan = try SubsetPlan(items: items, fraction: fraction, seed: seed)
    let needed = untilWidth.map { SubsetBank<Scalar>.models(untilWidth: $0, plan) }
    let count = min(needed.map { Int(min($0, 1e9).rounded(.up)) } ?? most, most)
    let tests = run.test?.items.count ?? 0
    var estimate = try WorkEstimate(run, pool: WorkerPool(threads: 1))
    estimate.models = count
    estimate.operations *= Double(count)
    estimate.seconds *= Double(count) / Double(pool.threads)
    estimate.peakBytes +=
      pool.threads * 12 * run.model.layout.count * MemoryLayout<Scalar>.stride
      + 2 * min(items * tests * 8, 64 << 20)
    estimate.outputBytes =
      count * (8 * (items + tests) + 4)
      + (scores == nil ? 0 : 16 * items * tests + 48 * items)
    return estimate
  }
}
