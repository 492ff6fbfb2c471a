import Formats
public import TensorCore

/// Where a replayed run leaves its record.
public struct ReplayDeparture: Equatable, Sendable, CustomStringConvertible {
  /// The number of steps after which the first checkpoint is not the recorded one.
  public let step: Int
  /// The parameter, or `optimizer/NAME`, that differs most.
  public let name: String
  /// Its largest difference, over the largest magnitude in it; 0 where signs of zeros differ alone.
  public let relativeDifference: Double

  /// One line for the person.
  public var description: String {
    "the replay departs from the record by the checkpoint after step \(step): "
      + "\(FormatError.printable(name, limit: 60)) differs by \(relativeDifference) of its largest "
      + "element"
  }
}

extension RunRecord {
  /// Takes all steps of the run again, as recorded, and compares every checkpoint bit by bit:
  /// parameters, and the optimizer's state where the record has it.
  ///
  /// - Parameters:
  ///   - pool: Threads that large products share; nil for none. They do not change the bits.
  ///   - progress: Called after each step; what it throws ends the replay.
  /// - Returns: The first checkpoint that comes out otherwise; nil where every one is as recorded.
  ///   Kernels other than those of the record's environment are cause enough to depart.
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
    for checkpoint in try checkpoints() {
      try trainer.run(run.batches, run.learningRates, to: checkpoint) { result in
        try progress(
          TrainingProgress(step: trainer.step, steps: steps, loss: Double(result.loss)))
      }
      if let departure = try departure(of: trainer.state) { return departure }
    }
    return nil
  }

  /// How a state differs from the recorded one; nil where no bit does.
  private func departure<Scalar: TensorScalar>(
    of state: TrainingState<Scalar>
  ) throws(FormatError) -> ReplayDeparture? {
    let file = try checkpoint(at: state.step)
    let recorded: [Scalar] = try model.parameters(in: file)
    var worst: ReplayDeparture?
    func compare(_ name: String, _ replayed: ArraySlice<Scalar>, _ recorded: ArraySlice<Scalar>) {
      guard let difference = Self.difference(replayed, recorded),
        worst.map({ difference > $0.relativeDifference }) ?? true
      else { return }
      worst = ReplayDeparture(step: state.step, name: name, relativeDifference: difference)
    }
    for entry in model.layout.entries {
      compare(entry.name, state.parameters[entry.range], recorded[entry.range])
    }
    for (name, values) in zip(manifest.optimizer.rule.stateNames, state.optimizer) {
      let name = ParameterLayout.optimizerPrefix + name
      // A record from elsewhere need not have it.
      if file[name] == nil { continue }
      let recorded: [Scalar] = try file.elements(name, [values.count])
      compare(name, values[...], recorded[...])
    }
    return worst
  }

  /// The largest difference over the largest magnitude; nil where all bits are the same.
  private static func difference<Scalar: TensorScalar>(
    _ a: ArraySlice<Scalar>, _ b: ArraySlice<Scalar>
  ) -> Double? {
    let isSame = a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.elementsEqual(b) } }
    if isSame { return nil }
    var (largest, scale) = (0.0, 0.0)
    for (x, y) in zip(a, b) {
      let (x, y) = (Double(x), Double(y))
      largest = max(largest, abs(x - y))
      scale = max(scale, abs(x), abs(y))
    }
    return scale > 0 ? largest / scale : 0
  }
}
