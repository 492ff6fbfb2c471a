import Palimpsest

/// The squared gradient norm of every item at the last checkpoint.
final class SelfInfluence: Workload {
  static let name = "self-influence"
  private let engine: ScoreEngine<Float>
  private var norms: [Double] = []

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    engine = try ScoreEngine(arrays.lastCheckpointProblem, pool: pool)
  }

  func run() throws { norms = try engine.selfInfluence() }

  var result: StoredArray? { StoredArray(Tensor<Float>([norms.count], norms.map { Float($0) })) }
}
