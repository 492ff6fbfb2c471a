import Palimpsest

/// Scores summed over all checkpoints with their learning rates.
final class Checkpoints: Workload {
  static let name = "checkpoints"
  private let engine: ScoreEngine<Float>
  private var scores: Tensor<Float>

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    let checkpoints = try arrays.learningRates.enumerated().map { index, rate in
      WeightedCheckpoint(parameters: try arrays.checkpoint(index + 1), weight: .uniform(rate))
    }
    engine = try ScoreEngine(arrays.problem(checkpoints), pool: pool)
    scores = Tensor([engine.problem.queries.count, engine.problem.items.count])
  }

  func run() throws { try engine.scores(into: &scores) }

  var result: StoredArray? { StoredArray(scores) }
}
