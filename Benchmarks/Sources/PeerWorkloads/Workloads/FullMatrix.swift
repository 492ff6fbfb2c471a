import Palimpsest

/// Every score at the last checkpoint, into a matrix that is kept from run to run.
final class FullMatrix: Workload {
  static let name = "full-matrix"
  private let engine: ScoreEngine<Float>
  private var scores: Tensor<Float>

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    engine = try ScoreEngine(arrays.lastCheckpointProblem, pool: pool)
    scores = Tensor([engine.problem.queries.count, engine.problem.items.count])
  }

  func run() throws { try engine.scores(into: &scores) }

  var result: StoredArray? { StoredArray(scores) }
}
