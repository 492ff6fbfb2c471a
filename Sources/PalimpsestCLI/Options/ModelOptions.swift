import ArgumentParser
import Logging
import Palimpsest

/// Where a model, its checkpoints and its training items come from: a run, or files.
struct ModelOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("Folder of a run record; or give --model and its files."))
  var run: String?

  @Option(
    help: ArgumentHelp("Model, such as mlp:64-32-10:tanh, instead of a run.", valueName: "spec"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Parameters of the model, safetensors, and their weight (1 where absent); repeatable.",
      valueName: "file[:lr]"))
  var checkpoint: [String] = []

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
    help: "What the items were trained with; a run knows. cross-entropy where absent.")
  var loss: Loss?

  @Option(help: "Numbers to compute in; the run's, or float32, where absent.")
  var precision: RunManifest.Precision?

  /// A model with its checkpoints and training items.
  struct Source<Scalar: TensorScalar> {
    let model: any Model
    let loss: Loss
    let items: Dataset<Scalar>
    let checkpoints: [WeightedCheckpoint<Scalar>]
    let record: RunRecord?

    /// What the weights of the checkpoints stand for.
    var weights: CheckpointWeights { record?.checkpointWeights ?? .relative }
  }

  /// What the options name.
  enum Origin {
    case record(RunRecord)
    case files(model: any Model)
  }

  /// Opens the run or reads the model's text.
  ///
  /// - Throws: ``UsageError`` where neither or both are given.
  func origin() throws -> Origin {
    switch (run, model) {
    case (let run?, nil):
      guard checkpoint.isEmpty, trainX == nil, trainY == nil, loss == nil else {
        throw UsageError(
          "a run brings its own checkpoints, items and loss; leave those options out")
      }
      return .record(try RunRecord(folder: run))
    case (nil, let model?):
      if model.hasSuffix(".onnx") {
        throw UsageError(
          "--model \(model): ONNX models cannot be read yet; use mlp:… and safetensors")
      }
      guard !checkpoint.isEmpty else { throw UsageError("--model needs at least one --checkpoint") }
      guard trainX != nil else { throw UsageError("--model needs --train-x and --train-y") }
      return .files(model: try ModelRegistry.model(model))
    case (nil, nil):
      throw UsageError("which model? Expected the folder of a run, or --model with --checkpoint")
    default:
      throw UsageError("a run and --model exclude each other")
    }
  }

  /// The precision to compute in.
  func precision(of origin: Origin) -> RunManifest.Precision {
    if let precision { return precision }
    if case .record(let record) = origin { return record.manifest.precision }
    return .float32
  }

  /// What the items were trained with.
  func loss(of origin: Origin) -> Loss {
    if case .record(let record) = origin { return record.manifest.loss }
    return loss ?? .crossEntropy
  }

  /// Reads everything.
  ///
  /// - Parameter trajectory: Whether all checkpoints are wanted, or the last.
  func source<Scalar: TensorScalar>(
    _ origin: Origin, trajectory: Bool, as type: Scalar.Type
  ) throws -> Source<Scalar> {
    switch origin {
    case .record(let record):
      Self.warn(record)
      return Source(
        model: record.model, loss: record.manifest.loss, items: try record.train(),
        checkpoints: try record.weightedCheckpoints(trajectory: trajectory), record: record)
    case .files(let model):
      let loss = loss(of: origin)
      guard let trainX else { throw UsageError("--model needs --train-x and --train-y") }
      return Source(
        model: model, loss: loss,
        items: try Dataset.read(inputs: trainX, targets: trainY, model, loss: loss),
        checkpoints: try checkpoint.map { try Self.weighted($0, model.layout) }, record: nil)
    }
  }

  /// Says where the last bits may differ from those of the run's own machine.
  private static func warn(_ record: RunRecord) {
    let recorded = record.manifest.environment.first { $0.name == "blasCore" }?.value.string
    if let recorded, recorded != BLASThreads.coreName {
      Logger(label: "palimpsest").warning(
        "the run was made with OpenBLAS kernels \(recorded), these are \(BLASThreads.coreName)")
    }
  }

  /// Reads `FILE[:LR]`.
  private static func weighted<Scalar: TensorScalar>(
    _ text: String, _ layout: ParameterLayout
  ) throws -> WeightedCheckpoint<Scalar> {
    var (path, weight) = (text, 1.0)
    if let colon = text.lastIndex(of: ":"), let number = Double(text[text.index(after: colon)...]) {
      guard number.isFinite else {
        throw UsageError("--checkpoint \(text): expected a finite weight after the colon")
      }
      (path, weight) = (String(text[..<colon]), number)
    }
    return WeightedCheckpoint(parameters: try layout.read(path), weight: .uniform(weight))
  }
}
