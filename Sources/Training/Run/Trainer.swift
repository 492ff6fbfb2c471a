public import TensorCore

/// Takes steps: the memory of one running ``TrainingProgram`` and its current state.
///
/// Used for training, for replaying a part of a recorded run from any state with any item weights,
/// and, one trainer on each thread, for retraining in bulk. A step allocates nothing, and its bits
/// do not depend on the pool.
///
/// For one thread at a time.
public final class Trainer<Scalar: TensorScalar> {
  /// What a step did.
  public struct Step: Equatable, Sendable {
    /// The weighted mean loss of the batch, before the step.
    public let loss: Scalar
    /// κ, what clipping multiplied the gradient by: 1 where it was short enough.
    public let clipScale: Scalar
  }

  /// What is run.
  public let program: TrainingProgram<Scalar>
  /// The number of steps taken.
  public private(set) var step = 0
  private let data: Dataset<Scalar>
  private let pool: WorkerPool?
  private let memory: TrainerMemory<Scalar>

  /// A trainer on some data, before the first step.
  ///
  /// - Parameters:
  ///   - program: The compiled step.
  ///   - data: N items that passed ``Dataset/check(_:loss:name:targetsName:)`` for the program's model and loss.
  ///   - parameters: `[P]`.
  ///   - pool: Threads that chunks of the batch, large products and updates share; nil for none.
  public init(
    _ program: TrainingProgram<Scalar>, data: Dataset<Scalar>, parameters: [Scalar],
    pool: WorkerPool? = nil
  ) {
    self.program = program
    self.data = data
    self.pool = pool
    memory = TrainerMemory(program, items: data.count, threads: pool?.threads ?? 1)
    state = TrainingState(initial: parameters, program.optimizer)
  }

  /// A copy of the state after the steps taken so far; set it to go on from another.
  public var state: TrainingState<Scalar> {
    get {
      TrainingState(
        step: step, parameters: memory.parameters.array, optimizer: memory.states.map(\.array))
    }
    set {
      precondition(newValue.optimizer.count == memory.states.count, "the state of another rule")
      step = newValue.step
      memory.parameters.copy(from: newValue.parameters)
      for (vector, values) in zip(memory.states, newValue.optimizer) { vector.copy(from: values) }
    }
  }

  /// `[P]`, a copy of the current parameters.
  public var parameters: [Scalar] { memory.parameters.array }

  /// `[N]`, what each item's loss is multiplied by in every batch that holds it; ones at first.
  public var itemWeights: [Scalar] {
    get { memory.weights.array }
    set { memory.weights.copy(from: newValue) }
  }

  /// Takes one step on a batch.
  ///
  /// What is lowered is Σ w_i ℓ_i / b over the batch's entries, where b counts the entries that name
  /// an item, whatever their weights. A batch without items has no loss and no gradient: momentum
  /// and weight decay act alone.
  ///
  /// - Parameters:
  ///   - rows: B items; −1 where the batch is short.
  ///   - learningRate: η.
  /// - Throws: ``TrainingError/diverged(step:what:learningRate:)`` where the loss, the gradient's
  ///   norm or a parameter becomes NaN or infinite; the state is of no use then.
  /// - Precondition: All entries that name an item are below N.
  @discardableResult
  public func step(
    _ rows: ArraySlice<Int>, learningRate: Double
  ) throws(TrainingError) -> Step {
    memory.batch.load(rows, of: data, weights: memory.weights)
    memory.batch.run(pool)
    let loss = memory.batch.meanLoss
    guard loss.isFinite else { throw diverged("the loss", learningRate) }
    var scale: Scalar = 1
    if let limit = program.optimizer.clipNorm {
      let norm = memory.gradientNorm(pool)
      guard norm.isFinite else { throw diverged("the norm of the gradient", learningRate) }
      scale = Scalar(min(limit / (norm + OptimizerSettings.clipMargin), 1))
    }
    let isFinite = memory.update(
      program.optimizer, scale: scale, rate: learningRate, step: step + 1, pool)
    guard isFinite else { throw diverged("a parameter", learningRate) }
    step += 1
    return Step(loss: loss, clipScale: scale)
  }

  private func diverged(_ what: String, _ learningRate: Double) -> TrainingError {
    .diverged(step: step, what: what, learningRate: learningRate)
  }
}
