import Palimpsest

/// One of the two networks of `Peers/README.md` besides the multilayer perceptron, with its arrays.
struct PeerNetwork {
  let name: String
  let specification: String
  /// B of the gradient workloads.
  let batch: Int

  static let cnn = PeerNetwork(
    name: "cnn", specification: "cnn:1x28x28:16c3-p2-32c3-p2-10:relu", batch: 64)
  static let transformer = PeerNetwork(
    name: "transformer",
    specification: "transformer:vocabulary=96,context=128,width=128,heads=4,layers=2", batch: 16)

  func problem(_ arrays: PeerArrays) throws -> ScoreProblem<Float> {
    let model = try ModelRegistry.model(specification)
    func data(_ part: String) throws -> Dataset<Float> {
      try Dataset.read(
        inputs: arrays.path("\(name)\(part)_x.npy"), targets: arrays.path("\(name)\(part)_y.npy"),
        model, loss: .crossEntropy)
    }
    let parameters: [Float] = try model.layout.read(arrays.path("\(name).safetensors"))
    return ScoreProblem(
      model: model, loss: .crossEntropy, items: try data(""), queries: try data("_query"),
      checkpoints: [WeightedCheckpoint(parameters: parameters)])
  }
}

/// Every score of a network at its only checkpoint.
class NetworkScores {
  private let engine: ScoreEngine<Float>
  private var scores: Tensor<Float>

  init(_ network: PeerNetwork, _ arrays: PeerArrays, _ pool: WorkerPool) throws {
    engine = try ScoreEngine(network.problem(arrays), pool: pool)
    scores = Tensor([engine.problem.queries.count, engine.problem.items.count])
  }

  func run() throws { try engine.scores(into: &scores) }

  var result: StoredArray? { StoredArray(scores) }
}

/// The scores of the convolutional network.
final class CNNScores: NetworkScores, Workload {
  static let name = "cnn-scores"
  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws { try super.init(.cnn, arrays, pool) }
}

/// The scores of the transformer.
final class TransformerScores: NetworkScores, Workload {
  static let name = "transformer-scores"
  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    try super.init(.transformer, arrays, pool)
  }
}

/// The gradients of the mean losses of the first batches of a network's items.
class NetworkGradients {
  private static let batches = 8
  private let items: Dataset<Float>
  private let parameters: AlignedBuffer<Float>
  private let batch: Int
  private let gradient: BatchGradient<Float>
  private let pool: WorkerPool
  private var gradients: Tensor<Float>

  init(_ network: PeerNetwork, _ arrays: PeerArrays, _ pool: WorkerPool) throws {
    let problem = try network.problem(arrays)
    items = problem.items
    parameters = AlignedBuffer(copying: problem.checkpoints[0].parameters)
    batch = min(network.batch, items.count / Self.batches)
    gradient = BatchGradient(
      TrainingProgram(
        problem.model, loss: problem.loss, optimizer: OptimizerSettings(SGD.self),
        batchSize: batch), threads: pool.threads)
    gradient.bind(parameters: parameters.base)
    self.pool = pool
    gradients = Tensor([Self.batches, parameters.count])
  }

  func run() throws {
    for number in 0..<Self.batches {
      gradient.load(Array(number * batch..<(number + 1) * batch)[...], of: items)
      gradient.run(pool)
      let start = number * parameters.count
      gradients.scalars.replaceSubrange(
        start..<start + parameters.count, with: gradient.gradient.elements)
    }
  }

  var result: StoredArray? { StoredArray(gradients) }
}

/// Gradients of the convolutional network.
final class CNNGradient: NetworkGradients, Workload {
  static let name = "cnn-gradient"
  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws { try super.init(.cnn, arrays, pool) }
}

/// Gradients of the transformer.
final class TransformerGradient: NetworkGradients, Workload {
  static let name = "transformer-gradient"
  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    try super.init(.transformer, arrays, pool)
  }
}
