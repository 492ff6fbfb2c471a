public import TensorCore

/// How far a run is.
public struct TrainingProgress: Sendable {
  /// The number of steps taken.
  public let step: Int
  /// S, the number of all steps.
  public let steps: Int
  /// The mean loss of the last batch, before its step.
  public let loss: Double
}

extension TrainingRun {
  /// Makes the run, recording it in a folder, or finishes it where it was interrupted.
  ///
  /// A run that was killed at any moment goes on from its last checkpoint and ends with the same
  /// bytes as one that was not. A finished run is left alone, and its last state is read.
  ///
  /// - Parameters:
  ///   - folder: A new or empty folder, or one that holds this run, finished or not.
  ///   - pool: Threads that large products share; nil for none. They do not change the bits.
  ///   - progress: Called after each step, so never for a finished run; what it throws interrupts the run.
  /// - Returns: The state after the last step.
  /// - Throws: ``TrainingError`` where the settings or the data are at fault, the run diverges, or
  ///   the folder holds something else; `FormatError` where it cannot be read or written.
  @discardableResult
  public func record(
    in folder: String, pool: WorkerPool? = nil,
    progress: (TrainingProgress) throws -> Void = { _ in }
  ) throws -> TrainingState<Scalar> {
    try check()
    try (model as? ONNXModel)?.requireOneFile()
    let writer = try RunWriter(self, folder: folder)
    if writer.isFinished { return writer.start }
    let trainer = makeTrainer(pool: pool)
    trainer.state = writer.start
    let isCheckpoint = Set(checkpoints)
    try trainer.run(batches, learningRates) { result in
      writer.log(step: trainer.step - 1, result)
      if isCheckpoint.contains(trainer.step) { try writer.checkpoint(trainer.state) }
      try progress(
        TrainingProgress(step: trainer.step, steps: batches.count, loss: Double(result.loss)))
    }
    try writer.finish()
    return trainer.state
  }
}

extension Trainer {
  /// Takes the steps of a run from the current one on.
  ///
  /// - Parameters:
  ///   - batches: The items of each of the run's S steps.
  ///   - learningRates: The rate of each.
  ///   - end: The number of steps taken at the end; S where nil.
  ///   - each: Called after each step; what it throws ends the loop.
  public func run(
    _ batches: Batches, _ learningRates: [Double], to end: Int? = nil,
    each: (Step) throws -> Void = { _ in }
  ) throws {
    while step < end ?? batches.count {
      try each(try step(batches[step], learningRate: learningRates[step]))
    }
  }
}
