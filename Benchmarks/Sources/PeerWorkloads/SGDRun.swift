import Palimpsest

/// SGD from given parameters over given batches.
final class SGDRun {
  static let learningRate = 0.1
  private let trainer: Trainer<Float>
  private let initial: TrainingState<Float>
  private let batches: Batches
  private let rates: [Double]

  init(
    _ model: MLP, _ items: Dataset<Float>, initial path: String, batches batchPath: String,
    pool: WorkerPool?
  ) throws {
    let optimizer = OptimizerSettings(SGD.self)
    let parameters = try model.layout.read(path, as: Float.self)
    batches = try Batches(path: batchPath, items: items.count)
    rates = [Double](repeating: Self.learningRate, count: batches.count)
    initial = TrainingState(initial: parameters, optimizer)
    trainer = Trainer(
      TrainingProgram(model, loss: .crossEntropy, optimizer: optimizer, batchSize: batches.size),
      data: items, parameters: parameters, pool: pool)
  }

  func run() throws {
    trainer.state = initial
    try trainer.run(batches, rates)
  }

  var parameters: StoredArray {
    let parameters = trainer.parameters
    return StoredArray(Tensor([parameters.count], parameters))
  }
}
