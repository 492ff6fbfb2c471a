import Foundation
import Palimpsest

extension Room {
  /// Writes `x.npy`, `y.npy` (40 training items) and `qx.npy`, `qy.npy` (8 others): six inputs and
  /// three classes.
  func writeItems(_ count: Int = 40) throws {
    for (part, count, seed) in [("", count, 1), ("q", 8, 2)] {
      let items = Self.items(count, seed: UInt64(seed))
      try NPY.write(items.inputs, to: path("\(part)x.npy"))
      try NPY.write(
        StoredArray((items.labels ?? []).map { Int64($0) }, shape: [count]),
        to: path("\(part)y.npy"))
    }
  }

  private static func items(_ count: Int, seed: UInt64) -> Dataset<Float> {
    var stream = RandomStream(seed: seed, stream: 7_000)
    let inputs: Tensor<Float> = stream.normalTensor([count, 6])
    // The class is the largest of the first three inputs, which a network can learn.
    let labels = (0..<count).map { item -> Int32 in
      let row = inputs.row(item).scalars
      return row[0] > row[1] ? (row[0] > row[2] ? 0 : 2) : (row[1] > row[2] ? 1 : 2)
    }
    return Dataset(inputs: inputs, targets: .labels(labels))
  }

  /// The model of the small runs.
  static let model = "mlp:6-5-3:tanh"

  /// The options that train it on the written items: 3 epochs of 6 steps, the last one short.
  static let training = [
    "train", "--model", model, "--train-x", "x.npy", "--train-y", "y.npy", "--test-x", "qx.npy",
    "--test-y", "qy.npy", "--batch-size", "7", "--epochs", "3", "--lr", "0.2",
  ]

  /// A room with the items and a finished run of them in `run`.
  static func withRun(items: Int = 40, _ more: String...) async throws -> Room {
    let room = try Room()
    try room.writeItems(items)
    let outcome = try await room.run(training + ["--out", "run"] + more)
    guard outcome.status == 0 else { throw UsageFault(line: outcome.errors) }
    return room
  }

  struct UsageFault: Error { let line: String }
}
