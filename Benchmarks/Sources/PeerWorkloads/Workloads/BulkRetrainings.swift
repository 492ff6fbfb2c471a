import Palimpsest

/// Runs with other item weights, and the losses of the queries at their ends.
final class BulkRetrainings: Workload {
  static let name = "bulk-retraining"
  private let retraining: BulkRetraining<Float>
  private let variants: [BulkRetraining<Float>.Variant]
  private let queries: Dataset<Float>
  private var losses: [[Float]] = []

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    retraining = try BulkRetraining(arrays.ledgerRun, pool: pool)
    queries = try arrays.ledgerQueries
    let path = arrays.path("retraining_weights.npy")
    let weights: Tensor<Float> = try StoredArray.read(path: path).tensor()
    variants = (0..<weights.shape[0]).map { .itemWeights(weights.row($0).scalars) }
  }

  func run() throws {
    let (run, queries) = (retraining.run, queries)
    losses = try retraining.results(of: variants) { _, parameters in
      run.model.values(of: .loss, loss: run.loss, on: queries, at: parameters)
    }.map { try $0.get() }
  }

  var result: StoredArray? {
    StoredArray(Tensor([losses.count, queries.count], losses.flatMap { $0 }))
  }
}
