import Formats
public import TensorCore

extension RunRecord {
  /// Takes all steps of the run again, as recorded, and compares every checkpoint bit by bit:
  /// parameters, and the optimizer's state where the record has it.
  ///
  /// After a departure that rounding explains the replay goes on from the recorded state.
  ///
  /// - Parameters:
  ///   - pool: Threads that large products share; nil for none. They do not change the bits.
  ///   - progress: Called after each step; what it throws ends the replay.
  /// - Returns: The first departure that rounding does not explain; where there is none, the largest
  ///   that it does; nil where every checkpoint comes out bit for bit.
  /// - Throws: As ``run(as:)``; ``TrainingError/diverged(step:what:learningRate:)`` where a step of
  ///   the replay does.
  public func replay(
    pool: WorkerPool? = nil, progress: (TrainingProgress) throws -> Void = { _ in }
  ) throws -> ReplayDeparture? {
    switch manifest.precision {
    case .float32: try replay(run(as: Float.self), pool: pool, progress: progress)
    case .float64: try replay(run(as: Double.self), pool: pool, progress: progress)
    }
  }

  /// Takes all steps again of a run that was read from the record, in its own precision.
  package func replay<Scalar: TensorScalar>(
    _ run: TrainingRun<Scalar>, pool: WorkerPool?,
    progress: (TrainingProgress) throws -> Void = { _ in }
  ) throws -> ReplayDeparture? {
    let trainer = run.makeTrainer(pool: pool)
    let segments = SegmentReplay(self, pool: pool)
    var start = 0
    var largest: ReplayDeparture?
    for checkpoint in try checkpoints() {
      try trainer.run(run.batches, run.learningRates, to: checkpoint) { result in
        try progress(
          TrainingProgress(step: trainer.step, steps: steps, loss: Double(result.loss)))
      }
      let isSame = try isRecorded(trainer.state)
      let hasState = try hasState(at: checkpoint)
      if !isSame, let departure = try segments.departure(from: start, to: checkpoint) {
        guard departure.isRounding else { return departure }
        if departure.share > largest?.share ?? -1 { largest = departure }
        if hasState { trainer.state = try state(at: checkpoint) }
      }
      // Without the optimizer's state there is no going on from here.
      if hasState { start = checkpoint }
    }
    return largest
  }

  /// Whether every bit of a state is the recorded one, as far as the record has it.
  private func isRecorded<Scalar: TensorScalar>(
    _ state: TrainingState<Scalar>
  ) throws(FormatError) -> Bool {
    let recorded: [String: [Scalar]] = try vectors(at: state.step)
    return zip(vectorNames, [state.parameters] + state.optimizer).allSatisfy { name, vector in
      guard let recorded = recorded[name] else { return true }
      return recorded.withUnsafeBytes { a in vector.withUnsafeBytes { a.elementsEqual($0) } }
    }
  }

  /// What a checkpoint holds: the parameters, and each vector of the optimizer's state.
  var vectorNames: [String] {
    ["parameters"] + manifest.optimizer.rule.stateNames.map { ParameterLayout.optimizerPrefix + $0 }
  }

  /// The vectors `[P]` of a checkpoint by ``vectorNames``, without those that the record lacks.
  func vectors<Scalar: TensorScalar>(
    at step: Int
  ) throws(FormatError) -> [String: [Scalar]] {
    let file = try checkpoint(at: step)
    var vectors = ["parameters": try model.parameters(in: file) as [Scalar]]
    for name in vectorNames.dropFirst() where file[name] != nil {
      vectors[name] = try optimizerVector(name, in: file)
    }
    return vectors
  }

  /// Whether the steps after a checkpoint can be taken from it.
  private func hasState(at step: Int) throws(FormatError) -> Bool {
    let file = try checkpoint(at: step)
    return step == 0 || vectorNames.dropFirst().allSatisfy { file[$0] != nil }
  }
}
