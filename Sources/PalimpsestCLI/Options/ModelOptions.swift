import ArgumentParser
import Palimpsest

/// Where a model, its checkpoints and its training items come from: a run, or files.
struct ModelOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("Folder of a run record; or give --model and its files."))
  var run: String?

  @Option(
    help: ArgumentHelp(
      "Model, such as mlp:64-32-10:tanh or a .onnx file, instead of a run.", valueName: "spec"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Parameters of the model by name, safetensors, npz or .onnx, and their weight (1 where "
        + "absent); repeatable. An ONNX model brings its own.",
      valueName: "file[:lr]"))
  var checkpoint: [String] = []

  @Option(
    help: ArgumentHelp(
      "Which array of the checkpoints a parameter of the ONNX file is, where names differ; .T "
        + "behind it transposes it; repeatable.", valueName: "parameter=array"))
  var map: [String] = []

  @OptionGroup var choice: ModelChoiceOptions

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
    var items: Dataset<Scalar>
    var checkpoints: [WeightedCheckpoint<Scalar>]
    let record: RunRecord?
    /// What became of training inputs that are bytes; nil where there are none.
    let byteNote: String?

    /// What the weights of the checkpoints stand for.
    var weights: CheckpointWeights { record?.checkpointWeights ?? .relative }
  }

  /// What the options name.
  enum Origin {
    case record(RunRecord)
    case files(model: any Model, items: StoredItems)
  }

  /// Opens the run, or the items and the model that takes them.
  ///
  /// - Throws: ``UsageError`` where neither or both are given.
  func origin() throws -> Origin {
    switch (run, model) {
    case (let run?, nil):
      guard checkpoint.isEmpty, map.isEmpty, trainX == nil, trainY == nil, loss == nil,
        choice.settings.isEmpty || choice.settings == choice.patternsAlone
      else {
        throw UsageError(
          "a run brings its own checkpoints, items and loss; leave those options out")
      }
      return .record(try RunRecord.opened(run, patterns: choice.trained.patterns))
    case (nil, let model?):
      let isFile = ONNXModel.isFile(model)
      guard isFile || !checkpoint.isEmpty else {
        throw UsageError("--model needs at least one --checkpoint")
      }
      guard isFile || map.isEmpty else {
        throw UsageError("--map is for ONNX models; others take parameters by name")
      }
      guard let trainX else { throw UsageError("--model needs --train-x and --train-y") }
      // A wrong text is told before the data are read.
      let settings = choice.settings
      let builtIn = isFile ? nil : try ModelRegistry.model(model, settings: settings)
      let items = try StoredItems.opened(inputs: trainX, targets: trainY)
      return .files(
        model: try builtIn
          ?? ModelRegistry.model(
            model, settings: settings, known: checkpointNames(), itemShape: items.itemShape),
        items: items)
    case (nil, nil):
      throw UsageError("which model? Expected the folder of a run, or --model with --checkpoint")
    default:
      throw UsageError("a run and --model exclude each other")
    }
  }

  /// The names of the arrays of all checkpoints.
  private func checkpointNames() throws -> Set<String> {
    Set(
      try checkpoint.flatMap { text in
        try CheckpointFile(path: Self.weighted(text).path).arrays.map(\.name)
      })
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
    case .record(let record): Output.warnOfProbabilities(record.model, record.manifest.loss)
    case .files(let model, _): Output.warnOfProbabilities(model, loss(of: origin))
    }
    switch origin {
    case .record(let record):
      (record.model as? ONNXModel)?.notes.forEach(Output.warn)
      return Source(
        model: record.model, loss: record.manifest.loss, items: try record.train(),
        checkpoints: try record.weightedCheckpoints(trajectory: trajectory), record: record,
        byteNote: try record.byteNote())
    case .files(let model, let items):
      let loss = loss(of: origin)
      return Source(
        model: model, loss: loss, items: try Dataset.read(items, model, loss: loss),
        checkpoints: try checkpoints(of: model), record: nil,
        byteNote: items.byteNote(model, loss: loss, "Training inputs"))
    }
  }

  /// Reads the checkpoints that were named; the weights of an ONNX file where none were.
  private func checkpoints<Scalar: TensorScalar>(
    of model: any Model
  ) throws -> [WeightedCheckpoint<Scalar>] {
    let named = try checkpoint.map(Self.weighted)
    let files = try named.map { try CheckpointFile(path: $0.path) }
    guard let model = model as? ONNXModel else {
      return try zip(named, files).map { named, file in
        WeightedCheckpoint(
          parameters: try model.parameters(in: file), weight: .uniform(named.weight))
      }
    }
    if files.isEmpty {
      guard map.isEmpty else { throw UsageError("--map is about checkpoints; name one") }
      model.notes.forEach(Output.warn)
      return [
        WeightedCheckpoint(parameters: model.weights.map { Scalar($0) }, weight: .uniform(1))
      ]
    }
    let mapping = try ParameterMapping(model, checkpoints: files, given: map)
    let checkpoints: [WeightedCheckpoint<Scalar>] = try zip(named, files).map { named, file in
      WeightedCheckpoint(parameters: try mapping.read(file), weight: .uniform(named.weight))
    }
    (model.notes + mapping.notes).forEach(Output.warn)
    return checkpoints
  }

  /// Reads `FILE[:LR]`.
  private static func weighted(_ text: String) throws -> (path: String, weight: Double) {
    var (path, weight) = (text, 1.0)
    if let colon = text.lastIndex(of: ":"), let number = Double(text[text.index(after: colon)...]) {
      guard number.isFinite else {
        throw UsageError("--checkpoint \(text): expected a finite weight after the colon")
      }
      (path, weight) = (String(text[..<colon]), number)
    }
    return (path, weight)
  }
}
