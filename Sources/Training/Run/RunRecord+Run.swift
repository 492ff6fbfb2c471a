import Formats
public import TensorCore

extension RunRecord {
  /// The run that the record describes, to be replayed, changed, or made again.
  ///
  /// Everything is read and checked; the bits come out as recorded in the recorded precision only.
  /// Where checkpoints do not stand at equal intervals, the first interval is taken.
  ///
  /// - Throws: `FormatError` or ``TrainingError`` with the file and the step, item or parameter at
  ///   fault: a row of a batch that is out of range, a learning rate that is missing, data that were
  ///   changed after the run.
  public func run<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) throws -> TrainingRun<Scalar> {
    let batches = try batches()
    let later = try (manifest.checkpoints ?? checkpoints()).first { $0 > 0 }
    let initial: [Scalar] = try initialParameters()
    var run = try TrainingRun<Scalar>(
      model, loss: manifest.loss, train: .init(train()), test: test().map { .init($0) },
      optimizer: manifest.optimizer, learningRate: 0, batchSize: batches.size, epochs: 1,
      batches: batches, checkpointEvery: min(later ?? steps, steps), seed: manifest.seed)
    run.learningRates = manifest.learningRates
    run.initialParameters = initial
    run.itemWeights = try itemWeights()
    run.text = try text()
    run.flippedLabels = manifest.flippedLabels
    return run
  }

  /// The parameters of the first checkpoint, whose optimizer's state must be nothing yet.
  private func initialParameters<Scalar: TensorScalar>() throws(FormatError) -> [Scalar] {
    let state: TrainingState<Scalar> = try state(at: 0)
    for (name, values) in zip(manifest.optimizer.rule.stateNames, state.optimizer) {
      guard let index = values.firstIndex(where: { $0 != 0 }) else { continue }
      throw FormatError(
        .malformed, file: Checkpoint.path(folder, step: 0), at: .element(index),
        found: "\(values[index]) in \(FormatError.quoted(ParameterLayout.optimizerPrefix + name))",
        expected: "0: a run that can be replayed starts with no state of the optimizer")
    }
    return state.parameters
  }
}
