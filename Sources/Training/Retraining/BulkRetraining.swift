public import TensorCore

/// Many retrainings of one run, one trainer on each thread, one compiled step for all.
///
/// A retraining never shares a sum with another: its bits are those of training it alone, for any
/// number of threads.
public struct BulkRetraining<Scalar: TensorScalar>: Sendable {
  /// What one retraining does otherwise than the run.
  public enum Variant: Equatable, Sendable {
    /// Some items are left out.
    case removal(Removal)
    /// These item weights `[N]` take the place of the run's.
    case itemWeights([Scalar])
  }

  /// A retraining that came to no end.
  public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    /// Its number among the variants, from 0.
    public let variant: Int
    /// The step at which it diverged, and how.
    public let cause: TrainingError

    /// One line for the person.
    public var description: String { "retraining \(variant): \(cause)" }
  }

  /// The run that is varied.
  public let run: TrainingRun<Scalar>
  private let program: TrainingProgram<Scalar>
  private let pool: WorkerPool?

  /// Retrainings of a run.
  ///
  /// - Parameter pool: Threads that take a retraining each; nil for none.
  /// - Throws: ``TrainingError`` where the run's parts do not fit each other.
  public init(_ run: TrainingRun<Scalar>, pool: WorkerPool? = nil) throws(TrainingError) {
    try run.check()
    self.run = run
    self.pool = pool
    program = TrainingProgram(
      run.model, loss: run.loss, optimizer: run.optimizer, batchSize: run.batches.size)
  }

  /// The final parameters `[P]` of each variant, in their order.
  ///
  /// - Parameters:
  ///   - variants: M of them.
  ///   - progress: Told how many are done, ten times a second, on the caller's thread; what it throws
  ///     ends all of them.
  /// - Throws: ``TrainingError`` where a variant does not fit the run. One that diverges fails alone.
  /// - Complexity: M times the run's training, divided among the threads; memory for a trainer on
  ///   each thread, and M · P numbers.
  public func parameters(
    of variants: [Variant], progress: (Int) throws -> Void = { _ in }
  ) throws -> [Result<[Scalar], Failure>] {
    try results(of: variants, progress: progress) { $1 }
  }

  /// What is measured on the final parameters `[P]` of each variant, in their order.
  ///
  /// As ``parameters(of:progress:)``, without keeping the parameters of all.
  ///
  /// - Parameter evaluate: Called on the thread that trained, with the variant's number and its
  ///   parameters; it must not use the same pool.
  public func results<Value: Sendable>(
    of variants: [Variant], progress: (Int) throws -> Void = { _ in },
    _ evaluate: @Sendable (_ variant: Int, _ parameters: [Scalar]) -> Value
  ) throws -> [Result<Value, Failure>] {
    let plan = try RetrainingPlan(run, variants)
    let queue = RetrainingQueue(variants.count)
    let lanes = (0..<min(pool?.threads ?? 1, variants.count)).map { _ in
      RetrainingLane<Scalar, Value>(program, plan)
    }
    while !lanes.allSatisfy(\.isIdle) {
      let end = ContinuousClock.now + .milliseconds(100)
      func advance(_ lane: Int) { lanes[lane].advance(queue, until: end, evaluate) }
      if let pool {
        pool.run(lanes.count) { lane, _ in advance(lane) }
      } else {
        lanes.indices.forEach(advance)
      }
      try progress(lanes.reduce(0) { $0 + $1.results.count })
    }
    return lanes.flatMap(\.results).sorted { $0.variant < $1.variant }.map { entry in
      entry.result.mapError { Failure(variant: entry.variant, cause: $0) }
    }
  }
}
