import Formats
import Foundation
import TensorCore
import Testing
import Training

/// Records whose checkpoints rounding has moved, as another program's or processor's are.
@Suite("Departures of a replay, against rounding")
struct DepartureTests {
  private let room: RunRoom
  private var run: String { room.run }

  init() throws { room = try RunRoom() }

  /// A run of 54 steps with a checkpoint after every ninth.
  private func record<Scalar: TensorScalar>(
    as type: Scalar.Type, _ rule: any Optimizer.Type
  ) throws -> TrainingRun<Scalar> {
    let made = try TrainingRun<Scalar>(
      MLP("mlp:6-8-3:tanh"), train: .init(items(36, inputs: 6, classes: 3)),
      optimizer: OptimizerSettings(rule), learningRate: rule.hasScaledSteps ? 0.01 : 0.1,
      batchSize: 6, epochs: 9, checkpointEvery: 9, seed: 4)
    try made.record(in: run)
    return made
  }

  /// Makes the record one of other kernels, which rounded every number of it by a unit or none.
  private func roundOtherwise<Scalar: TensorScalar>(as type: Scalar.Type) throws {
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(
        of: "\"palimpsest\": \"\(RunManifest.libraryVersion)\"", with: "\"other\": \"1\"")
    }
    try FileManager.default.removeItem(atPath: "\(run)/checkpoints/SHA256SUMS")
    var stream = RandomStream(seed: 8, stream: 1)
    for step in stride(from: 9, through: 54, by: 9) {
      let path = "\(run)/checkpoints/000000\(step < 10 ? "0" : "")\(step).safetensors"
      let arrays = try Safetensors(path: path).arrays.map { array in
        let tensor: Tensor<Scalar> = try array.array.tensor()
        let draws: Tensor<Double> = stream.normalTensor([tensor.count])
        let values = zip(tensor.scalars, draws.scalars).map { value, draw in
          draw > 0.5 ? value.nextUp : draw < -0.5 ? value.nextDown : value
        }
        return NamedArray(array.name, StoredArray(Tensor(tensor.shape, values)))
      }
      try Safetensors(arrays).write(to: path)
    }
  }

  @Test("are accepted with their figure", arguments: ["sgd", "momentum", "adam"])
  func accepted(_ name: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(name))
    _ = try record(as: Float.self, rule)
    #expect(try room.open().replay() == nil)
    try roundOtherwise(as: Float.self)
    let departure = try #require(try room.open().replay())
    #expect(departure.isRounding && departure.share > 0 && departure.share < 1e-4)
    #expect(departure.rounding > 0 && departure.rounding < 1e-4)
    #expect("\(departure)".hasSuffix(": rounding explains it"))
  }

  @Test("and in Float64 by Float64's rounding")
  func double() throws {
    _ = try record(as: Double.self, Adam.self)
    try roundOtherwise(as: Double.self)
    let departure = try #require(try room.open().replay())
    #expect(departure.isRounding && departure.share < 1e-12 && departure.rounding < 1e-12)
    // What Float32 would have rounded is no rounding there.
    try change(18, as: Double.self) { $0 = Double(Float($0)) }
    let single = try #require(try room.open().replay())
    #expect(!single.isRounding && single.step == 18)
  }

  private func change<Scalar: TensorScalar>(
    _ step: Int, as type: Scalar.Type, _ change: (inout Scalar) -> Void
  ) throws {
    let path = "\(run)/checkpoints/000000\(step).safetensors"
    let arrays = try Safetensors(path: path).arrays.map { array in
      var tensor: Tensor<Scalar> = try array.array.tensor()
      for index in tensor.scalars.indices { change(&tensor.scalars[index]) }
      return NamedArray(array.name, StoredArray(tensor))
    }
    try Safetensors(arrays).write(to: path)
  }

  @Test(
    "each of 54 single rows that are wrong is found, whatever rounding did",
    arguments: ["sgd", "momentum", "adam"])
  func wrongRows(_ name: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(name))
    let made = try record(as: Float.self, rule)
    try roundOtherwise(as: Float.self)
    var found = 0
    for step in 0..<54 {
      var rows = made.batches.rows
      let place = step * 6 + step % 6
      rows[place] = (rows[place] + 1 + step % 35) % 36
      try Batches(size: 6, rows: rows).write(to: "\(run)/batches.npy")
      try reseal(run)
      let departure = try room.open().replay()
      if departure?.isRounding == false, departure?.step == (step / 9 + 1) * 9 { found += 1 }
    }
    #expect(found == 54)
  }

  @Test("a rate, a loss and a checkpoint that are others are refused with likely causes")
  func refused() throws {
    let made = try record(as: Float.self, Momentum.self)
    try roundOtherwise(as: Float.self)
    let rate = "\(made.learningRates[20])"
    let original = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    for (old, new) in [
      ("\"momentum\": 0.9", "\"momentum\": 0.899"), (" \(rate)", " 0.1001"),
    ] {
      try room.edit("run.json") { $0 = $0.replacingOccurrences(of: old, with: new) }
      let departure = try #require(try room.open().replay())
      #expect(!departure.isRounding, "\(new)")
      #expect("\(departure)".contains("label smoothing"))
      #expect(!"\(departure)".contains("were changed"))
      try room.edit("run.json") { $0 = original }
    }
    try change(27, as: Float.self) { $0 *= 1.0001 }
    let departure = try #require(try room.open().replay())
    #expect(!departure.isRounding && departure.step == 27)
  }
}
