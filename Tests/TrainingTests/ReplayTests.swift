import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("Replays of recorded runs")
struct ReplayTests {
  private let room: RunRoom
  private var run: String { room.run }

  init() throws { room = try RunRoom() }

  /// A run with names, groups and weights.
  private func richRun<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) throws -> TrainingRun<Scalar> {
    var made = try smallRun(as: type)
    made.itemWeights = (0..<17).map { Scalar($0 % 3) / 2 }
    let data = made.train.items
    made.train.items = Dataset(
      inputs: data.inputs, targets: data.targets, ids: (0..<17).map { "item \($0)" },
      groups: (0..<17).map { $0 < 9 ? "a" : "b" })
    return made
  }

  /// Changes an array of a checkpoint, and lists the new digest.
  private func forge(_ step: Int, _ name: String, _ change: (inout [Float]) -> Void) throws {
    let file = "0000000\(step).safetensors"
    let path = "\(run)/checkpoints/\(file)"
    let arrays = try Safetensors(path: path).arrays.map { array in
      guard array.name == name else { return array }
      let tensor: Tensor<Float> = try array.array.tensor()
      var values = tensor.scalars
      change(&values)
      return NamedArray(name, StoredArray(Tensor(tensor.shape, values)))
    }
    let old = try SHA256.hex(ofFile: path)
    try Safetensors(arrays).write(to: path)
    let new = try SHA256.hex(ofFile: path)
    try room.edit("checkpoints/SHA256SUMS") { $0 = $0.replacingOccurrences(of: old, with: new) }
  }

  @Test("the run of a record is the one that was made", arguments: [true, false])
  func roundTrip(_ isSingle: Bool) throws {
    if isSingle { try roundTrip(Float.self) } else { try roundTrip(Double.self) }
  }

  private func roundTrip<Scalar: TensorScalar>(_ type: Scalar.Type) throws {
    let made = try richRun(as: type)
    let final = try made.record(in: run)
    let read = try room.open().run(as: type)
    #expect(read.model.specification == made.model.specification)
    #expect(read.loss == made.loss && read.optimizer == made.optimizer && read.seed == made.seed)
    #expect(read.train.items == made.train.items && read.test?.items == made.test?.items)
    #expect(read.batches == made.batches && read.learningRates == made.learningRates)
    #expect(read.initialParameters == made.initialParameters)
    #expect(read.itemWeights == made.itemWeights)
    #expect(read.checkpointEvery == 4)
    // Made again elsewhere, and resumed in place: nothing is left to do.
    #expect(try read.record(in: room.folder.path("again")) == final)
    #expect(try read.record(in: run) { _ in Issue.record("a step was taken") } == final)
    #expect(
      try contents(of: "\(room.folder.path("again"))/checkpoints")
        == contents(of: "\(run)/checkpoints"))
  }

  @Test(
    "every optimizer's run comes out again, bit for bit", arguments: OptimizerRegistry.all.indices)
  func reproduced(_ rule: Int) throws {
    try smallRun(as: Float.self, OptimizerRegistry.all[rule]).record(in: run)
    var steps: [Int] = []
    #expect(try room.open().replay(pool: WorkerPool(threads: 2)) { steps.append($0.step) } == nil)
    #expect(steps == Array(1...12))
  }

  @Test("weights and double precision are replayed too")
  func weighted() throws {
    try richRun(as: Double.self).record(in: run)
    #expect(try room.open().replay() == nil)
  }

  @Test("the first checkpoint that was forged is named, with the parameter that differs most")
  func forged() throws {
    try smallRun(as: Float.self).record(in: run)
    try forge(8, "2.bias") { $0[1] *= 2 }
    try forge(4, "0.bias") { $0[2] = $0[2].nextUp }
    try forge(4, "2.weight") { values in
      let largest = values.map(abs).max() ?? 0
      values[3] += 0.25 * largest
    }
    let departure = try #require(try room.open().replay())
    #expect(departure.step == 4)
    #expect(departure.name == "2.weight")
    // Over the larger of both: the element may now be the largest itself.
    #expect(departure.relativeDifference > 0.19 && departure.relativeDifference <= 0.25001)
    #expect("\(departure)".contains("after step 4: 2.weight differs by 0.2"))
  }

  @Test("the optimizer's state is compared, and the last bit counts")
  func forgedState() throws {
    try smallRun(as: Float.self).record(in: run)
    try forge(8, "optimizer/second-moment") { $0[0] = $0[0].nextUp }
    let departure = try #require(try room.open().replay())
    #expect(departure.step == 8 && departure.name == "optimizer/second-moment")
    #expect(departure.relativeDifference > 0 && departure.relativeDifference < 1e-6)
  }

  @Test("a record with another batch or learning rate departs at the next checkpoint")
  func changed() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: run)
    // Step 5 belongs to the checkpoint after step 8.
    var rows = made.batches.rows
    rows.swapAt(5 * 3, 6 * 3)
    try Batches(size: 3, rows: rows).write(to: "\(run)/batches.npy")
    try reseal(run)
    #expect(try room.open().replay()?.step == 8)
    try made.batches.write(to: "\(run)/batches.npy")
    try reseal(run)
    #expect(try room.open().replay() == nil)
    let rate = "\(made.learningRates[9])"
    try room.edit("run.json") { $0 = $0.replacingOccurrences(of: rate, with: "0.03") }
    #expect(try room.open().replay()?.step == 12)
  }

  @Test("a record without the optimizer's state is compared by its parameters")
  func withoutState() throws {
    try smallRun(as: Float.self).record(in: run)
    for step in ["00000000", "00000004", "00000008", "00000012"] {
      let path = "\(run)/checkpoints/\(step).safetensors"
      let arrays = try Safetensors(path: path).arrays.filter { !$0.name.hasPrefix("optimizer/") }
      try Safetensors(arrays).write(to: path)
    }
    try FileManager.default.removeItem(atPath: "\(run)/checkpoints/SHA256SUMS")
    #expect(try room.open().replay() == nil)
  }

  @Test("PyTorch's run comes out again but for rounding, and that is a departure")
  func foreign() throws {
    let model = try MLP("mlp:8-4-5:tanh")
    let source = try TrainingRun<Float>.Source(
      inputs: oracle("command/train-x.npy"), targets: oracle("command/train-y.npy"), model,
      loss: .crossEntropy)
    let reference = try OptimizerOracle("momentum")
    var made = try TrainingRun(
      model, train: source, optimizer: reference.settings, learningRate: reference.rate,
      batchSize: 1, epochs: 1,
      batches: Batches(path: oracle("command/batches.npy"), items: source.items.count),
      checkpointEvery: 10)
    made.learningRates = try reference.array("learning_rates").scalars
    made.initialParameters = try model.layout.read(oracle("command/initial.safetensors"))
    try made.record(in: run)
    let expected = try reference.array("parameters").row(9).scalars.map { Float($0) }
    try Safetensors(model.layout.arrays(expected)).write(
      to: "\(run)/checkpoints/00000010.safetensors")
    try FileManager.default.removeItem(atPath: "\(run)/checkpoints/SHA256SUMS")
    let departure = try #require(try room.open().replay())
    #expect(departure.step == 10 && departure.relativeDifference < 1e-4)
  }

  @Test("what was refused when it was read is refused in a replay, with its step")
  func refused() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: run)
    var rows = made.batches.rows
    rows[4 * 3 + 1] = 17
    try Batches(size: 3, rows: rows).write(to: "\(run)/batches.npy")
    #expect(message { _ = try room.open().replay() }.contains("row 17 at step 4, column 1"))
    try Batches(size: 3, rows: made.batches.rows + [0, 1, 2]).write(to: "\(run)/batches.npy")
    try reseal(run)
    #expect(message { _ = try room.open().replay() }.contains("step 12 is the first without one"))
    try made.batches.write(to: "\(run)/batches.npy")
    try reseal(run)
    try forge(0, "optimizer/first-moment") { $0[7] = 1 }
    #expect(
      message { _ = try room.open().replay() }.contains(
        "00000000.safetensors: element 7: found 1.0 in “optimizer/first-moment”, expected 0"))
    try FileManager.default.removeItem(atPath: "\(run)/checkpoints/00000012.safetensors")
    try forge(0, "optimizer/first-moment") { $0[7] = 0 }
    #expect(message { _ = try room.open().replay() }.contains("the run is not finished"))
  }

  @Test("a step that becomes NaN is named, and progress ends a replay")
  func divergence() throws {
    var made = try smallRun(as: Float.self, SGD.self)
    made.optimizer.clipNorm = nil
    made.model = try MLP("mlp:4-5-3:relu")
    try made.record(in: run)
    let rate = "\(made.learningRates[6])"
    try room.edit("run.json") { $0 = $0.replacingOccurrences(of: rate, with: "1e38") }
    // Up to step 4 nothing has changed.
    let line = message { _ = try room.open().replay() }
    #expect(line.hasPrefix("step ") && line.contains("is NaN or infinite"))
    #expect(throws: Interruption.self) {
      try room.open().replay { if $0.step == 3 { throw Interruption() } }
    }
  }
}
