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
