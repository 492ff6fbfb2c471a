import Synchronization
import TensorCore

/// The numbers of the variants that nobody has begun.
final class RetrainingQueue: Sendable {
  private let next = Atomic(0)
  private let count: Int

  init(_ count: Int) { self.count = count }

  func take() -> Int? {
    let variant = next.wrappingAdd(1, ordering: .relaxed).oldValue
    return variant < count ? variant : nil
  }
}

/// One trainer that takes variant after variant, a span of time at once.
///
/// For one thread at a time.
final class RetrainingLane<Scalar: TensorScalar, Value: Sendable> {
  private let plan: RetrainingPlan<Scalar>
  private let trainer: Trainer<Scalar>
  private let start: TrainingState<Scalar>
  private var current: (variant: Int, batches: Batches)?
  /// Of the variants that this lane has done.
  private(set) var results: [(variant: Int, result: Result<Value, TrainingError>)] = []
  /// Whether no variant is left for it.
  private(set) var isIdle = false

  init(_ program: TrainingProgram<Scalar>, _ plan: RetrainingPlan<Scalar>) {
    self.plan = plan
    trainer = Trainer(program, data: plan.data, parameters: plan.run.initialParameters)
    start = trainer.state
  }

  /// Takes steps until a moment has come or no variant is left.
  func advance(
    _ queue: RetrainingQueue, until end: ContinuousClock.Instant,
    _ evaluate: (Int, [Scalar]) -> Value
  ) {
    while ContinuousClock.now < end {
      guard let (variant, batches) = current ?? begin(queue.take()) else {
        isIdle = true
        return
      }
      do throws(TrainingError) {
        let step = trainer.step
        try trainer.step(batches[step], learningRate: plan.run.learningRates[step])
        guard trainer.step == batches.count else { continue }
        results.append((variant, .success(evaluate(variant, trainer.parameters))))
      } catch {
        results.append((variant, .failure(error)))
      }
      current = nil
    }
  }

  private func begin(_ variant: Int?) -> (variant: Int, batches: Batches)? {
    guard let variant else { return nil }
    let (batches, weights) = plan.parts(of: variant)
    trainer.state = start
    trainer.itemWeights = weights
    current = (variant, batches)
    return current
  }
}
