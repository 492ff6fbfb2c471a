import Palimpsest

/// The run that the ledger's workloads take apart.
final class LedgerTraining: Workload {
  static let name = "ledger-training"
  private let training: SGDRun

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    training = try SGDRun(
      arrays.digitsNetwork, arrays.ledgerItems, initial: arrays.path("digits_initial.safetensors"),
      batches: arrays.path("ledger_batches.npy"), pool: pool.threads > 1 ? pool : nil)
  }

  func run() throws { try training.run() }

  var result: StoredArray? { training.parameters }
}
