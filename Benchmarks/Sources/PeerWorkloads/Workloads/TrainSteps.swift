import Palimpsest

/// Many steps of a small network on one thread, as retraining on subsets takes them.
final class TrainSteps: Workload {
  static let name = "train-steps"
  private let training: SGDRun

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    training = try SGDRun(
      arrays.digitsNetwork, arrays.digits, initial: arrays.path("digits_initial.safetensors"),
      batches: arrays.path("digits_batches.npy"), pool: nil)
  }

  func run() throws { try training.run() }

  var result: StoredArray? { training.parameters }
}
