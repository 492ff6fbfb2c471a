import Palimpsest

/// The 100 highest scores of each query, stopping early; the lowest ones are found on the way.
final class TopK: Workload {
  static let name = "top-k"
  private static let count = 100
  private let engine: ScoreEngine<Float>
  private var top: TopScores?

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    engine = try ScoreEngine(arrays.lastCheckpointProblem, pool: pool)
  }

  func run() throws { top = try engine.topItems(Self.count) }

  var result: StoredArray? {
    guard let top else { return nil }
    let items = top.queries.flatMap { $0.supporters.map { Int64($0.item) } }
    let width = min(Self.count, engine.problem.items.count)
    return StoredArray(items, shape: [top.queries.count, width])
  }

  var details: [String: Double] { ["skippedFraction": top?.skippedShare ?? 0] }
}
