import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest demo`: everything once, on the embedded digits.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Train on the embedded digits, attribute ten outputs, check two by retraining.",
    discussion: "EXAMPLE: palimpsest demo --out demo-report")

  @Option(
    help: ArgumentHelp("Folder for the run and the report.", valueName: "dir"),
    transform: Output.folder)
  var out = "palimpsest-demo"

  @Option(help: ArgumentHelp("Seed of the run.", valueName: "n"))
  var seed: UInt64 = 1

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Print the report as JSON lines.")
  var json = false

  /// Test outputs attributed.
  private static let queries = 10
  /// Supporters and opponents shown for each.
  private static let shown = 5
  /// Outputs checked by retraining, and how many supporters are left out.
  private static let checked = 2
  private static let removed = 30

  mutating func run() throws {
    try OutputPlace.refuseRecord(out, above: out)
    let pool = try compute.makePool()
    let run = try makeRun()
    let folder = "\(out)/run"
    try checkFolder()
    try train(run, folder, pool)
    let record = try RunRecord(folder: folder)
    let split = Digits.split(as: Float.self)
    let test = split.test[Array(0..<Self.queries)]
    let setting = ScoreSetting(
      model: record.model, loss: record.manifest.loss, items: split.train, queries: test,
      checkpoints: try record.weightedCheckpoints(trajectory: true, as: Float.self))
    let engine = try ScoreEngine(
      TracIn.problem(setting), pool: pool, memory: compute.memory?.bytes)
    let writer = try ScoreMatrixWriter<Float>(
      path: "\(out)/scores.npy", queries: test.count, items: split.train.count)
    let summaries = try engine.summaries(
      Self.removed, progress: { _ in try Self.checkSignals() }
    ) { rows, columns, panel in
      try writer.write(
        Tensor([rows.count, columns.count], Array(panel)), rows: rows, columns: columns)
    }
    try writer.finish()
    let sections: [ScoreReport.Section] = summaries.enumerated().map { number, summary in
      .query(
        .init(
          query: Scoring.item(number, test, "test", hasPictures: true), measured: summary.measured,
          cocktail: summary.cocktail,
          top: summary.top.prefix(Self.shown)
        ) { Scoring.item($0, split.train, "train", hasPictures: true) })
    }
    let report = ScoreReport(
      title: "Which digits shaped these ten outputs?",
      method: .init(TracIn.self, measure: .loss, loss: run.loss, weights: record.checkpointWeights),
      measure: .loss, loss: record.manifest.loss,
      model: record.model.specification, itemCount: split.train.count,
      sections: sections + [.receipts(try receipts(run, test, summaries))],
      notes: Scoring.notes(TracIn.self, record) + [
        "Scores of many items add up to more than leaving them out changes: the other items make up "
          + "for part of what is gone. That is why two outputs are checked by training again.",
        "Data: \(Digits.attribution).",
      ],
      provenance: Scoring.provenance(record))
    let page = "\(out)/report.html"
    try ReportFile(path: page).write(report)
    try Scoring.print(report, json: json)
    if !json { try Output.line("\nreport: \(FormatError.printable(page))") }
  }

  private func train(_ run: TrainingRun<Float>, _ folder: String, _ pool: WorkerPool) throws {
    let bar = ProgressBar("train", of: run.batches.count, "steps")
    defer { bar.finish() }
    // An earlier demo may have made the same run; then nothing is left to do.
    try run.record(in: folder, pool: pool) {
      bar.show($0.step)
      try Self.checkSignals()
    }
  }

  private static func checkSignals() throws {
    try Signals.check("repeat the command to go on where it stopped")
  }

  private func makeRun() throws -> TrainingRun<Float> {
    let split = Digits.split(as: Float.self)
    return try TrainingRun(
      ModelRegistry.model("mlp:64-32-10:tanh"), train: .init(split.train), test: .init(split.test),
      learningRate: 0.1, batchSize: 50, epochs: 15, checkpointEvery: 5, seed: seed)
  }

  /// Takes a new or empty folder, or one of an earlier demo.
  private func checkFolder() throws {
    let known = ["run", "report.html", "scores.npy"]
    let manager = FileManager.default
    var present = (try? manager.contentsOfDirectory(atPath: out)) ?? []
    // What a demo that was killed had not finished writing, and goes when the file is written again.
    present.removeAll { name in
      AtomicFile.isTemporary(name) && known.contains { name.hasPrefix("\($0).") }
    }
    if let strange = present.sorted().first(where: { !known.contains($0) }) {
      throw TrainingError.occupied(folder: out, found: strange)
    }
    do {
      try manager.createDirectory(atPath: out, withIntermediateDirectories: true)
    } catch {
      throw FormatError(
        .uncreatable, file: out, found: "a folder cannot be made here",
        expected: "a place to write to", remedy: "choose another with --out")
    }
  }

  /// Trains again without the strongest supporters of the first outputs.
  private func receipts(
    _ run: TrainingRun<Float>, _ test: Dataset<Float>, _ summaries: [QuerySummary]
  ) throws -> [ScoreReport.Receipt] {
    try (0..<Self.checked).map { number in
      let gone = summaries[number].top.supporters
      var without = run
      var weights = [Float](repeating: 1, count: run.train.items.count)
      for ranked in gone { weights[ranked.item] = 0 }
      without.itemWeights = weights
      let trainer = without.makeTrainer()
      try trainer.run(without.batches, without.learningRates) { _ in try Self.checkSignals() }
      let after = run.model.values(
        of: .loss, loss: run.loss, on: test[[number]], at: trainer.parameters)
      return ScoreReport.Receipt(
        query: Scoring.id(number, test, "test"), removed: "its \(gone.count) strongest supporters",
        predictions: [.init(TracIn.name, gone.reduce(0) { $0 + $1.score })],
        actual: Double(after[0]) - summaries[number].measured, unit: Measure.loss.unit(run.loss))
    }
  }
}
