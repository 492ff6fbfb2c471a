import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest exposure`: what a model remembers of secrets that were planted in its text.
struct ExposureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exposure",
    abstract: "Plant secrets in a text, train on it, and say how well they are remembered.",
    discussion: """
      Canaries are drawn at random from a space of texts and planted some number of times \
      each; others of the space are not planted and serve as references. Exposure is how \
      many bits of the secret the model gives away. An interrupted command goes on where it \
      stopped.

      EXAMPLE:
        palimpsest exposure --text /usr/share/common-licenses --run canaries \
          --model transformer:context=64,width=64,heads=4,layers=2 --repetitions 0,1,4,16
      """)

  @Option(help: ArgumentHelp("Folder of text files.", valueName: "dir"))
  var text: String

  @Option(
    help: ArgumentHelp("Model, a transformer whose vocabulary= the text gives.", valueName: "spec"))
  var model: String

  @Option(
    name: .customLong("run"), help: ArgumentHelp("Folder of the run record.", valueName: "run"))
  var folder: String

  @Option(
    help: ArgumentHelp(
      "The secrets: a text with # for each random digit and @ for each random letter.",
      valueName: "text"))
  var canary = "The number of the vault is ######."

  @Option(
    help: ArgumentHelp("How often canaries are planted, one number for each kind.", valueName: "n"),
    transform: Self.readCounts)
  var repetitions: [Int] = [0, 1, 4, 16]

  @Option(help: ArgumentHelp("Canaries of each kind.", valueName: "n"))
  var canaries = 3

  @Option(help: ArgumentHelp("The most texts to compare with.", valueName: "n"))
  var references = 2_000

  @Option(
    help: ArgumentHelp(
      "The chance with which a secret is to come up among n answers.", valueName: "p"))
  var probability = 0.5

  @Option(help: ArgumentHelp("Tokens of the text: bytes, characters or bpe:N.", valueName: "kind"))
  var vocabulary = "bytes"

  @Option(
    help: ArgumentHelp(
      "Optimizer: \(OptimizerRegistry.all.map { $0.name }.joined(separator: ", ")).",
      valueName: "name"))
  var optimizer = "adamw"

  @Option(help: ArgumentHelp("Learning rate.", valueName: "rate"))
  var lr = 0.003

  @Option(help: ArgumentHelp("Passes over the passages.", valueName: "n"))
  var epochs = 10

  @Option(help: ArgumentHelp("Passages of a batch.", valueName: "n"))
  var batchSize = 16

  @Option(
    help: ArgumentHelp(
      "Seed of the canaries, the initial parameters and the order.", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup var reports: ReportOptions

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what the run would take, and stop.")
  var dryRun = false

  @Flag(help: "Print one JSON object for the whole and each canary.")
  var json = false

  private static func readCounts(_ text: String) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let count = Int(part), (0...100_000).contains(count) else {
        throw ValidationError("found \"\(part)\", expected whole numbers from 0, such as 0,1,4,16")
      }
      return count
    }
  }

  func validate() throws {
    for (name, value, range) in [
      ("--canaries", canaries, 1...1_000),
      ("--references", references, CanaryTrial.fewestReferences...1_000_000),
    ] {
      guard range.contains(value) else {
        throw ValidationError(
          "\(name): found \(value), expected \(range.lowerBound) to \(range.upperBound)")
      }
    }
    guard repetitions.count <= 100 else {
      throw ValidationError("--repetitions: found \(repetitions.count) kinds, expected at most 100")
    }
    let planted = repetitions.reduce(0) { $0 + $1 * canaries }
    guard planted <= 100_000 else {
      throw ValidationError(
        "--repetitions: \(planted) planted texts in all, expected at most 100000")
    }
    guard probability > 0, probability < 1 else {
      throw ValidationError("--probability: found \(probability), expected between 0 and 1")
    }
  }

  mutating func run() throws {
    try reports.check(json: json)
    try OutputPlace.refuseRecord(folder, above: folder)
    let trial = try CanaryTrial(
      CanarySpace(canary), repetitions: repetitions, each: canaries, references: references,
      seed: seed)
    let training = try training(trial)
    guard let corpus = training.text else { return }
    try training.check()
    let pool = try compute.makePool()
    if dryRun { return try WorkEstimate(training, pool: pool).print(json: json) }
    // A place that cannot be written is known before the work.
    _ = try reports.open()
    let state = try record(training, pool)
    let bar = ProgressBar("exposure", of: canaries + trial.references.count, "texts")
    defer { bar.finish() }
    let outcomes = try trial.outcomes(
      training.model, corpus.vocabulary, at: state.parameters, pool: pool
    ) { done, total in
      try Signals.check("the run is recorded; repeat the command")
      bar.show(done, of: total)
    }
    bar.finish()
    let report = try report(training, corpus, trial, outcomes)
    try reports.open().write(report, json: json)
  }

  /// The run on the text with the canaries; none of its documents is held out.
  private func training(_ trial: CanaryTrial) throws -> TrainingRun<Float> {
    let choice = try VocabularyChoice(vocabulary)
    let files = try TextFolder.read(text)
    let tokens = try trial.vocabulary(choice, of: files)
    let model = try ModelRegistry.textModel(self.model, tokens: tokens.count)
    var settings = TextCorpus.Settings(context: model.inputShape.count)
    settings.heldOut = 0
    let corpus = try TextCorpus(trial.planted(in: files), tokens, settings)
    // Told before the training.
    try trial.checkLength(corpus.vocabulary, context: corpus.context)
    var run = try TrainingRun<Float>(
      model, train: .init(corpus.train()), optimizer: OptimizerSettings(optimizer),
      learningRate: lr, batchSize: batchSize, epochs: epochs, seed: seed)
    run.text = corpus
    return run
  }

  private func record(
    _ training: TrainingRun<Float>, _ pool: WorkerPool
  ) throws -> TrainingState<Float> {
    let bar = ProgressBar("train", of: training.batches.count, "steps")
    defer { bar.finish() }
    return try training.record(in: folder, pool: pool) {
      bar.show($0.step)
      try Signals.check("repeat the command to go on where it stopped")
    }
  }

  private func report(
    _ training: TrainingRun<Float>, _ corpus: TextCorpus, _ trial: CanaryTrial,
    _ outcomes: [CanaryTrial.Outcome]
  ) throws -> ScoreReport {
    ScoreReport(
      title: "How well \(outcomes.count) canaries are remembered",
      method: .init(
        name: "exposure",
        summary:
          "canaries of “\(canary)” planted \(repetitions.map(String.init).joined(separator: ", ")) "
          + "times", unit: nil),
      measure: .loss, loss: training.loss, model: training.model.specification,
      itemCount: training.train.items.count,
      sections: [
        .exposures(
          .init(
            template: canary, promptBytes: trial.promptBytes(corpus.vocabulary),
            bits: trial.space.bits,
            references: trial.references.count,
            probability: probability, outcomes: outcomes))
      ], provenance: Scoring.provenance(try RunRecord(folder: folder)))
  }
}
