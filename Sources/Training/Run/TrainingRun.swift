import Autodiff
public import TensorCore

/// A run to be made: everything that its result depends on.
public struct TrainingRun<Scalar: TensorScalar>: Sendable {
  /// Items, and the files they were read from.
  public struct Source: Sendable {
    /// The items.
    public var items: Dataset<Scalar>
    /// The files of inputs and targets, of which the record takes copies; nil for items that the
    /// record writes itself.
    public var files: (inputs: String, targets: String)?

    /// Items that the record writes itself.
    public init(_ items: Dataset<Scalar>) { self.items = items }

    /// The items in two files.
    ///
    /// - Throws: As ``Dataset/read(inputs:targets:_:loss:)``.
    public init(inputs: String, targets: String, _ model: any Model, loss: Loss) throws {
      items = try Dataset.read(inputs: inputs, targets: targets, model, loss: loss)
      files = (inputs, targets)
    }
  }

  /// The network.
  public var model: any Model
  /// What is lowered.
  public var loss: Loss
  /// The optimizer and its constants.
  public var optimizer: OptimizerSettings
  /// The items that are learnt.
  public var train: Source
  /// Items that are not, for the record.
  public var test: Source?
  /// The items of each of the S steps.
  public var batches: Batches
  /// The learning rate of each of the S steps.
  public var learningRates: [Double]
  /// `[P]`, the parameters before the first step.
  public var initialParameters: [Scalar]
  /// `[N]`, what each item's loss is multiplied by; nil for ones.
  public var itemWeights: [Scalar]?
  /// The steps between two checkpoints.
  public var checkpointEvery: Int
  /// What the initial parameters and the batches were drawn from.
  public var seed: UInt64

  /// The most entries that all batches of a run together may have: 2 GiB of numbers.
  private static var largestVisits: Int { 1 << 28 }

  /// A run over shuffled epochs from PyTorch's initial distribution.
  ///
  /// Everything can be changed before the run is made: other batches (with a learning rate for
  /// each), other initial parameters, item weights.
  ///
  /// - Parameters:
  ///   - learningRate: The full rate of the schedule.
  ///   - batchSize: B, or N where that is less; the last batch of an epoch may be short.
  ///   - epochs: The number of passes over the items.
  ///   - checkpointEvery: The steps between two checkpoints; an epoch's where nil.
  ///   - seed: What the initial parameters and the order of the items are drawn from.
  /// - Throws: ``TrainingError`` where a number makes no sense or there are no items.
  public init(
    _ model: any Model, loss: Loss = .crossEntropy, train: Source, test: Source? = nil,
    optimizer: OptimizerSettings = OptimizerSettings(SGD.self), learningRate: Double,
    schedule: Schedule = Schedule(.constant), batchSize: Int, epochs: Int,
    checkpointEvery: Int? = nil, seed: UInt64 = 0
  ) throws(TrainingError) {
    for (name, value) in [
      ("batch size", batchSize), ("epochs", epochs), ("checkpoint interval", checkpointEvery ?? 1),
    ] where value < 1 || value > Int(Int32.max) {
      throw .setting(name: name, found: "\(value)", expected: "a whole number from 1")
    }
    guard train.items.count > 0 else { throw .data("training items: found none") }
    let batchSize = min(batchSize, train.items.count)
    let visits = train.items.count.multipliedReportingOverflow(by: epochs)
    guard !visits.overflow, visits.partialValue <= Self.largestVisits else {
      throw .setting(
        name: "epochs", found: "\(epochs) of \(train.items.count) items",
        expected: "at most \(Self.largestVisits) visits of items")
    }
    self.model = model
    self.loss = loss
    self.train = train
    self.test = test
    self.optimizer = optimizer
    self.seed = seed
    batches = Batches.shuffled(
      items: train.items.count, size: batchSize, epochs: epochs, seed: seed)
    let epoch = batches.count / epochs
    learningRates = schedule.learningRates(learningRate, steps: batches.count, epoch: epoch)
    initialParameters = model.initialParameters(seed: seed).map { Scalar($0) }
    self.checkpointEvery = checkpointEvery ?? epoch
  }

  /// The numbers of steps after which checkpoints are written, ascending: 0, every k-th, the last.
  public var checkpoints: [Int] {
    Array(stride(from: 0, to: batches.count, by: checkpointEvery)) + [batches.count]
  }

  /// Checks that the parts fit each other.
  ///
  /// - Throws: ``TrainingError``.
  public func check() throws(TrainingError) {
    try optimizer.check()
    try train.items.check(
      model, loss: loss, name: train.files?.inputs ?? "training items",
      targetsName: train.files?.targets)
    try test?.items.check(
      model, loss: loss, name: test?.files?.inputs ?? "test items",
      targetsName: test?.files?.targets)
    guard learningRates.count == batches.count else {
      throw .setting(
        name: "learning rates", found: "\(learningRates.count)",
        expected: "\(batches.count), one for each step")
    }
    if let step = learningRates.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
      throw .setting(
        name: "learning rate of step \(step)", found: "\(learningRates[step])",
        expected: "a number from 0")
    }
    if let weights = itemWeights, weights.count != train.items.count {
      throw .setting(
        name: "item weights", found: "\(weights.count)",
        expected: "\(train.items.count), one for each training item")
    }
    guard initialParameters.count == model.layout.count else {
      throw .setting(
        name: "initial parameters", found: "\(initialParameters.count)",
        expected: "\(model.layout.count) for the model \(model.specification)")
    }
  }

  /// A trainer before the first step.
  public func makeTrainer(pool: WorkerPool? = nil) -> Trainer<Scalar> {
    let program = TrainingProgram<Scalar>(
      model, loss: loss, optimizer: optimizer, batchSize: batches.size)
    let trainer = Trainer(program, data: train.items, parameters: initialParameters, pool: pool)
    if let itemWeights { trainer.itemWeights = itemWeights }
    return trainer
  }
}
