import Palimpsest

/// The folder of arrays that all contestants read, each when first asked for.
final class PeerArrays {
  let network = MLP(widths: [784, 256, 128, 10], activation: .relu)
  let digitsNetwork = MLP(widths: [64, 32, 10], activation: .tanh)
  private let folder: String
  private var datasets: [String: Dataset<Float>] = [:]

  init(folder: String) { self.folder = folder }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  var items: Dataset<Float> {
    get throws { try dataset("x_train.npy", "y_train.npy", network) }
  }

  var queries: Dataset<Float> {
    get throws { try dataset("x_query.npy", "y_query.npy", network) }
  }

  var digits: Dataset<Float> {
    get throws { try dataset("digits_x.npy", "digits_y.npy", digitsNetwork) }
  }

  var ledgerItems: Dataset<Float> {
    get throws { try dataset("ledger_x.npy", "ledger_y.npy", digitsNetwork) }
  }

  var ledgerQueries: Dataset<Float> {
    get throws { try dataset("ledger_query_x.npy", "ledger_query_y.npy", digitsNetwork) }
  }

  /// The run that the ledger's workloads take apart.
  var ledgerRun: TrainingRun<Float> {
    get throws {
      let items = try ledgerItems
      let batches = try Batches(path: path("ledger_batches.npy"), items: items.count)
      var run = try TrainingRun<Float>(
        digitsNetwork, train: .init(items), learningRate: SGDRun.learningRate,
        batchSize: batches.size, epochs: 1, batches: batches)
      run.initialParameters = try digitsNetwork.layout.read(path("digits_initial.safetensors"))
      return run
    }
  }

  /// One for each checkpoint.
  var learningRates: [Double] {
    get throws { try StoredArray.read(path: path("learning_rates.npy")).tensor().scalars }
  }

  /// The parameters after each epoch, checkpoint 1 first.
  func checkpoint(_ number: Int) throws -> [Float] {
    try network.layout.read(path("checkpoint-\(number).safetensors"))
  }

  /// Scores of all items and queries at these checkpoints, by cross-entropy.
  func problem(_ checkpoints: [WeightedCheckpoint<Float>]) throws -> ScoreProblem<Float> {
    try ScoreProblem(
      model: network, loss: .crossEntropy, items: items, queries: queries, checkpoints: checkpoints)
  }

  /// The problem at the last checkpoint.
  var lastCheckpointProblem: ScoreProblem<Float> {
    get throws {
      try problem([WeightedCheckpoint(parameters: checkpoint(learningRates.count))])
    }
  }

  private func dataset(
    _ inputs: String, _ targets: String, _ model: MLP
  ) throws -> Dataset<Float> {
    if let known = datasets[inputs] { return known }
    let read = try Dataset<Float>.read(
      inputs: path(inputs), targets: path(targets), model, loss: .crossEntropy)
    datasets[inputs] = read
    return read
  }
}
