import Autodiff
import Formats
public import TensorCore

/// A run to be made: everything that its result depends on.
public struct TrainingRun<Scalar: TensorScalar>: Sendable {
  /// Items, and the files they were read from.
  public struct Source: Sendable {
    /// The items; the record writes them itself once they were changed.
    public var items: Dataset<Scalar> { didSet { files = nil } }
    /// The files of inputs and targets, of which the record takes copies; nil for items that the
    /// record writes itself.
    private(set) var files: (inputs: ItemFile, targets: ItemFile)?

    /// Items that the record writes itself.
    public init(_ items: Dataset<Scalar>) { self.items = items }

    /// The items in files.
    ///
    /// The record takes copies of files of one array; of others it keeps the items alone.
    ///
    /// - Throws: As ``Dataset/read(inputs:targets:_:loss:)``.
    public init(inputs: String, targets: String?, _ model: any Model, loss: Loss) throws {
      try self.init(StoredItems(inputs: inputs, targets: targets), model, loss: loss)
    }

    /// The items in files that were opened before the model was known.
    ///
    /// - Throws: As ``Dataset/read(inputs:targets:_:loss:)``.
    public init(_ stored: StoredItems, _ model: any Model, loss: Loss) throws {
      // The digests are taken first: what changes after is noticed when the copies are made.
      if let x = try ItemFile(stored.inputs), let y = try ItemFile(stored.targets) {
        files = (x, y)
      }
      items = try Dataset.read(stored, model, loss: loss)
    }

    /// Gives the items names, and groups that belong together: an owner, a document, a source.
    ///
    /// - Precondition: One for each item, or none.
    public mutating func name(ids: [String] = [], groups: [String] = []) {
      let files = files
      items = Dataset(inputs: items.inputs, targets: items.targets, ids: ids, groups: groups)
      self.files = files
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
  /// The corpus that the items were cut from, for the record.
  public var text: TextCorpus?
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
  /// Training items whose labels were made wrong on purpose, for the record; nil for none.
  public var flippedLabels: FlippedLabels?

  /// The most entries that the batches of shuffled epochs may have: 2 GiB of numbers.
  private static var largestVisits: Int { 1 << 28 }

  /// A run from PyTorch's initial distribution, over shuffled epochs or the batches given.
  ///
  /// Everything can be changed before the run is made: other initial parameters, item weights,
  /// learning rates.
  ///
  /// - Parameters:
  ///   - learningRate: The full rate of the schedule.
  ///   - batchSize: B, or N where that is less; the last batch of an epoch may be short.
  ///   - epochs: The number of passes over the items.
  ///   - batches: The items of each step, in place of shuffled epochs: batch size and epochs do not
  ///     count then.
  ///   - checkpointEvery: The steps between two checkpoints; where nil those of an epoch, ⌈N / B⌉.
  ///   - seed: What the initial parameters and the order of the items are drawn from.
  /// - Throws: ``TrainingError`` where a number makes no sense or there are no items.
  public init(
    _ model: any Model, loss: Loss = .crossEntropy, train: Source, test: Source? = nil,
    optimizer: OptimizerSettings = OptimizerSettings(SGD.self), learningRate: Double,
    schedule: Schedule = Schedule(.constant), batchSize: Int, epochs: Int,
    batches: Batches? = nil, checkpointEvery: Int? = nil, seed: UInt64 = 0
  ) throws(TrainingError) {
    for (name, value) in [
      ("batch size", batchSize), ("epochs", epochs), ("checkpoint interval", checkpointEvery ?? 1),
    ] where value < 1 || value > Int(Int32.max) {
      throw .setting(name: name, found: "\(value)", expected: "a whole number from 1")
    }
    guard train.items.count > 0 else { throw .data("training items: found none") }
    if let batches {
      self.batches = batches
    } else {
      self.batches = try Self.shuffled(train.items.count, batchSize, epochs, seed)
    }
    let epoch = (train.items.count - 1) / self.batches.size + 1
    self.model = model
    self.loss = loss
    self.train = train
    self.test = test
    self.optimizer = optimizer
    self.seed = seed
    learningRates = schedule.learningRates(learningRate, steps: self.batches.count, epoch: epoch)
    initialParameters = model.initialParameters(seed: seed).map { Scalar($0) }
    self.checkpointEvery = checkpointEvery ?? epoch
  }

  private static func shuffled(
    _ items: Int, _ batchSize: Int, _ epochs: Int, _ seed: UInt64
  ) throws(TrainingError) -> Batches {
    let visits = items.multipliedReportingOverflow(by: epochs)
    guard !visits.overflow, visits.partialValue <= largestVisits else {
      throw .setting(
        name: "epochs", found: "\(epochs) of \(items) items",
        expected: "at most \(largestVisits) visits of items")
    }
    return Batches.shuffled(items: items, size: min(batchSize, items), epochs: epochs, seed: seed)
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
    try optimizer.checkGroups(model.layout, steps: batches.count)
    try train.items.check(
      model, loss: loss, name: train.files?.inputs.source.name ?? "training items",
      targetsName: train.files?.targets.source.name)
    try test?.items.check(
      model, loss: loss, name: test?.files?.inputs.source.name ?? "test items",
      targetsName: test?.files?.targets.source.name)
    try checkSteps()
    if let itemWeights { try check(weights: itemWeights) }
    guard initialParameters.count == model.layout.count else {
      throw .setting(
        name: "initial parameters", found: "\(initialParameters.count)",
        expected: "\(model.layout.count) for the model \(model.specification)")
    }
    try checkFinite(initialParameters, "initial parameter")
  }

  /// Checks that there is a finite weight for each item.
  func check(weights: [Scalar]) throws(TrainingError) {
    guard weights.count == train.items.count else {
      throw .setting(
        name: "item weights", found: "\(weights.count)",
        expected: "\(train.items.count), one for each training item")
    }
    try checkFinite(weights, "weight of item")
  }

  private func checkSteps() throws(TrainingError) {
    let items = train.items.count
    if let index = batches.rows.firstIndex(where: { !(-1..<items).contains($0) }) {
      throw .setting(
        name: "batch of step \(index / batches.size)", found: "the row \(batches.rows[index])",
        expected: "-1 or a row from 0 to \(items - 1)")
    }
    for step in 0..<batches.count where batches.itemCount(at: step) == 0 {
      throw .setting(name: "batch of step \(step)", found: "no rows", expected: "at least one")
    }
    guard batches.count > 0 else {
      throw .setting(name: "batches", found: "none", expected: "at least one")
    }
    guard checkpointEvery > 0 else {
      throw .setting(
        name: "checkpoint interval", found: "\(checkpointEvery)",
        expected: "a whole number from 1")
    }
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
  }

  private func checkFinite(_ values: [Scalar], _ what: String) throws(TrainingError) {
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw .setting(
        name: "\(what) \(index)", found: "\(values[index])", expected: "a finite number")
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
