import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest train`: a recorded run.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model and record the run.",
    discussion: """
      A run that was interrupted is resumed by the same command, to the same bits.

      Items come from --data, from files, or from a folder of text, which is cut into passages.

      EXAMPLES:
        palimpsest train --out run --data digits --model mlp:64-32-10:tanh
        palimpsest train --out licenses --text /usr/share/common-licenses \
          --model transformer:context=64,width=64,heads=4,layers=2 \
          --optimizer adamw --lr 0.003 --batch-size 16
      """)

  @Option(
    help: ArgumentHelp("Folder of the run record.", valueName: "run"), transform: Output.folder)
  var out: String

  @Option(help: ArgumentHelp("Embedded data: digits.", valueName: "name"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Inputs of the training items: npy, npz, IDX(.gz), CSV, JSON lines, or a folder with a "
        + "subfolder of pictures for each class; an array of several as FILE:NAME.",
      valueName: "file"))
  var trainX: String?

  @Option(
    help: ArgumentHelp(
      "Labels or targets of the training items, unless --train-x has them.", valueName: "file"))
  var trainY: String?

  @Option(
    help: ArgumentHelp("Names of the training items, a line of text each.", valueName: "file"))
  var trainIds: String?

  @Option(
    help: ArgumentHelp(
      "Groups of the training items, such as their owners, a line of text each.",
      valueName: "file"))
  var trainGroups: String?

  @Option(
    help: ArgumentHelp(
      "Give this share of the training items a wrong label; the run records which.",
      valueName: "share"))
  var flipLabels: Double?

  @Option(help: ArgumentHelp("Inputs of held-out items.", valueName: "file"))
  var testX: String?

  @Option(
    help: ArgumentHelp(
      "Labels or targets of held-out items, unless the file of the inputs has them.",
      valueName: "file"))
  var testY: String?

  @OptionGroup(title: "Options of text") var textOptions: TextOptions

  @Option(
    help: ArgumentHelp("Model, such as mlp:64-32-10:tanh, or a .onnx file.", valueName: "spec"))
  var model: String

  @OptionGroup var choice: ModelChoiceOptions

  @Option(help: "What training lowers.")
  var loss = Loss.crossEntropy

  @Option(
    help: ArgumentHelp(
      "Initial parameters by name; an ONNX model brings its own.", valueName: "file"))
  var `init`: String?

  @Option(
    help: ArgumentHelp(
      "Order of the items, int64 npy [S, B] of row numbers, -1 where a batch is short.",
      valueName: "file"))
  var batches: String?

  @Option(help: ArgumentHelp("Weight of each training item, npy [N].", valueName: "file"))
  var weights: String?

  @Option(
    help: ArgumentHelp(
      "Optimizer: \(OptimizerRegistry.all.map { $0.name }.joined(separator: ", ")).",
      valueName: "name"))
  var optimizer = "sgd"

  @Option(help: ArgumentHelp("Learning rate.", valueName: "rate"))
  var lr = 0.1

  @Option(help: ArgumentHelp("Momentum, of momentum and nesterov.", valueName: "factor"))
  var momentum: Double?

  @Option(
    help: ArgumentHelp(
      "Weight decay: decoupled for adamw, else added to the gradient.", valueName: "rate"))
  var weightDecay = 0.0

  @Option(help: ArgumentHelp("Largest norm of a batch's gradient.", valueName: "norm"))
  var clipNorm: Double?

  @Option(help: ArgumentHelp("Passes over the training items. (default: 10)", valueName: "n"))
  var epochs: Int?

  @Option(help: ArgumentHelp("Items of a batch. (default: 50)", valueName: "n"))
  var batchSize: Int?

  @Option(
    help: ArgumentHelp("Seed of all that is drawn, the initial parameters for one.", valueName: "n")
  )
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Learning rates: constant, step:EPOCHS:FACTOR, cosine, after warmup:STEPS+ where wanted.",
      valueName: "text"))
  var schedule = "constant"

  @Option(help: ArgumentHelp("Steps between checkpoints; an epoch where absent.", valueName: "n"))
  var checkpointEvery: Int?

  @Option(help: "Numbers to compute in.")
  var precision = RunManifest.Precision.float32

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what the run would take, and stop.")
  var dryRun = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  mutating func run() throws {
    try OutputPlace.refuseRecord(out, above: out)
    switch precision {
    case .float32: try train(as: Float.self)
    case .float64: try train(as: Double.self)
    }
  }

  private func train<Scalar: TensorScalar>(as type: Scalar.Type) throws {
    let run = try makeRun(as: type)
    try run.check()
    let pool = try compute.makePool()
    if let memory = compute.memory {
      let needed = WorkEstimate.peakBytes(run, pool)
      guard needed <= memory.bytes else {
        throw UsageError(
          "--memory: found \(memory.bytes >> 20) MiB, expected at least \((needed >> 20) + 1) MiB "
            + "for this model and data")
      }
    }
    if dryRun { return try WorkEstimate(run, pool: pool).print(json: json) }
    let bar = ProgressBar("train", of: run.batches.count, "steps")
    defer { bar.finish() }
    var (firstLoss, lastLoss) = (Double.nan, Double.nan)
    let state = try run.record(in: out, pool: pool) { progress in
      if firstLoss.isNaN { firstLoss = progress.loss }
      lastLoss = progress.loss
      bar.show(progress.step)
      try Signals.check("repeat the command to go on where it stopped")
    }
    bar.finish()
    // Only a finished run makes no progress; its last state was read.
    let isOld = lastLoss.isNaN
    if lastLoss > 2 * firstLoss {
      Output.warn(
        "the loss of the last batch, \(HumanNumber.significant(lastLoss)), is more than twice that of "
          + "the first, \(HumanNumber.significant(firstLoss)); a learning rate below \(lr) may help"
      )
    }
    let losses = try TextLosses(run, at: state.parameters, pool: pool)
    var result: [(String, JSONValue)] = [
      ("run", .string(out)), ("model", .string(run.model.specification)),
      ("items", .number(run.train.items.count)), ("parameters", .number(run.model.layout.count)),
      ("steps", .number(state.step)),
      ("lastBatchLoss", lastLoss.isFinite ? .number(lastLoss) : .null),
    ]
    if let text = run.text {
      result += [
        ("vocabulary", .string(text.vocabulary.kindName)),
        ("tokens", .number(text.vocabulary.count)), ("documents", .number(text.documents.count)),
      ]
    }
    result += losses?.json ?? []
    if json {
      try Output.line("\(JSONValue.object(result.map { .init($0.0, $0.1) }))")
    } else {
      try Output.line(
        FormatError.printable(out) + ": \(HumanNumber.count(state.step)) steps of "
          + "\(FormatError.printable(run.model.specification)) on \(HumanNumber.count(run.train.items.count)) items, "
          + (isOld
            ? "finished before; nothing was left to do"
            : "loss of the last batch \(HumanNumber.significant(lastLoss))"))
      for line in losses?.lines ?? [] { try Output.line(line) }
    }
  }

  private func makeRun<Scalar: TensorScalar>(as type: Scalar.Type) throws -> TrainingRun<Scalar> {
    let text = try textOptions.corpus(self.model, seed: seed)
    let files = try trainingFiles()
    let model =
      try text?.1
      ?? ModelRegistry.model(
        self.model, settings: choice.settings, itemShape: files?.itemShape)
    var settings = try OptimizerSettings(optimizer)
    if let momentum {
      guard settings.rule.constants.contains(.momentum) else {
        throw UsageError("--momentum: \(optimizer) has none; use --optimizer momentum")
      }
      settings.momentum = momentum
    }
    settings.weightDecay = WeightDecay(weightDecay, settings.weightDecay.kind)
    settings.clipNorm = clipNorm
    (model as? ONNXModel)?.notes.forEach(Output.warn)
    Output.warnOfProbabilities(model, loss)
    if let note = files?.byteNote(model, loss: loss, "training inputs") { Output.warn(note) }
    var sources = try sources(files, text?.0, model, as: type)
    if trainIds != nil || trainGroups != nil {
      let count = sources.train.items.count
      sources.train.name(
        ids: try trainIds.map { try ItemNames.read(path: $0, items: count, areUnique: true) }
          ?? sources.train.items.ids,
        groups: try trainGroups.map { try ItemNames.read(path: $0, items: count) }
          ?? sources.train.items.groups)
    }
    var flipped: FlippedLabels?
    if let flipLabels {
      guard loss.takesLabels else {
        throw UsageError("--flip-labels: the loss \(loss.rawValue) has no labels to flip")
      }
      // Labels out of range would be hidden behind wrong ones.
      try sources.train.items.check(
        model, loss: loss, name: trainX ?? "training items", targetsName: trainY)
      (sources.train.items, flipped) = try sources.train.items.flippingLabels(
        flipLabels, classes: model.outputShape[-1], seed: seed)
    }
    if batches != nil, epochs != nil || batchSize != nil {
      throw UsageError(
        "--batches says how many steps and items there are; leave out --epochs and "
          + "--batch-size")
    }
    var run = try TrainingRun(
      model, loss: loss, train: sources.train, test: sources.test, optimizer: settings,
      learningRate: lr, schedule: Schedule(schedule), batchSize: batchSize ?? 50,
      epochs: epochs ?? 10,
      batches: try batches.map { try Batches(path: $0, items: sources.train.items.count) },
      checkpointEvery: checkpointEvery, seed: seed)
    run.text = text?.0
    run.flippedLabels = flipped
    if let `init` { run.initialParameters = try initialParameters(`init`, model) }
    if let weights {
      run.itemWeights = try ItemWeights.read(path: weights, items: run.train.items.count)
    }
    return run
  }

  private func initialParameters<Scalar: TensorScalar>(
    _ path: String, _ model: any Model
  ) throws -> [Scalar] {
    let file = try CheckpointFile(path: path)
    guard let model = model as? ONNXModel else { return try model.parameters(in: file) }
    let mapping = try ParameterMapping(model, checkpoints: [file])
    mapping.notes.forEach(Output.warn)
    return try mapping.read(file)
  }

  /// The files of the training items; nil for embedded data and for text.
  private func trainingFiles() throws -> StoredItems? {
    if textOptions.text != nil {
      guard data == nil, trainX == nil, trainY == nil, testX == nil, testY == nil else {
        throw UsageError("--text brings its own items; leave out --data, --train-x and the like")
      }
      return nil
    }
    if let data {
      guard data == "digits" else {
        throw UsageError("--data: found \"\(data)\", expected digits, or --train-x and --train-y")
      }
      guard trainX == nil, trainY == nil, testX == nil, testY == nil else {
        throw UsageError("--data digits brings its own items; leave out --train-x and the like")
      }
      return nil
    }
    guard let trainX else {
      throw UsageError("which data? Expected --data digits, --text, or --train-x and --train-y")
    }
    guard testX != nil || testY == nil else {
      throw UsageError("--test-y goes with --test-x")
    }
    return try StoredItems.opened(inputs: trainX, targets: trainY)
  }

  private func sources<Scalar: TensorScalar>(
    _ files: StoredItems?, _ text: TextCorpus?, _ model: any Model, as type: Scalar.Type
  ) throws -> (train: TrainingRun<Scalar>.Source, test: TrainingRun<Scalar>.Source?) {
    typealias Source = TrainingRun<Scalar>.Source
    if let text { return (Source(text.train()), text.heldOut().map { Source($0) }) }
    guard let files else {
      let split = Digits.split(as: type, itemShape: model.inputShape)
      return (Source(split.train), Source(split.test))
    }
    let train = try Source(files, model, loss: loss)
    guard let testX else { return (train, nil) }
    return (
      train, try Source(StoredItems.opened(inputs: testX, targets: testY), model, loss: loss)
    )
  }
}
