import Palimpsest

/// One epoch of the network on all items, batch by batch.
final class TrainEpoch: Workload {
  static let name = "train-epoch"
  private let training: SGDRun

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    training = try SGDRun(
      arrays.network, arrays.items, initial: arrays.path("initial.safetensors"),
      batches: arrays.path("batches.npy"), pool: pool.threads > 1 ? pool : nil)
  }

  func run() throws { try training.run() }

  var result: StoredArray? { training.parameters }
}
