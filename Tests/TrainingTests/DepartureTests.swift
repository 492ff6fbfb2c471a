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

  @Test("steps over which rounding leads anywhere tell nothing, and are not accepted")
  func chaotic() throws {
    let made = try TrainingRun<Float>(
      MLP("mlp:6-16-16-3:relu"), train: .init(items(36, inputs: 6, classes: 3)),
      optimizer: OptimizerSettings(Adam.self), learningRate: 0.2, batchSize: 6, epochs: 200,
      checkpointEvery: 1200, seed: 4)
    try made.record(in: run)
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(
        of: "\"palimpsest\": \"\(RunManifest.libraryVersion)\"", with: "\"other\": \"1\"")
    }
    let rows = Array(made.batches.rows.reversed())
    try Batches(size: 6, rows: rows).write(to: "\(run)/batches.npy")
    try reseal(run)
    let departure = try #require(try room.open().replay())
    #expect(!departure.canTell && !departure.isRounding, "\(departure)")
    #expect("\(departure)".contains("cannot be told") || departure.excess > 1)
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

  @Test("groups of parameters that are not of the model or the steps are refused when it is opened")
  func groups() throws {
    _ = try record(as: Float.self, SGD.self)
    let original = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    for (groups, words) in [
      (#"{"parameters": ["0.weigth"], "weightDecay": 0}"#, "0.weigth"),
      (#"{"parameters": ["0.weight"], "weightDecay": 0, "steps": [0.1]}"#, "54, one for each step"),
      (
        #"{"parameters": ["0.weight"], "weightDecay": 0}, {"parameters": ["0.weight"], "weightDecay": 1}"#,
        "again"
      ),
    ] {
      try room.edit("run.json") {
        $0 = original.replacingOccurrences(
          of: "\"optimizer\": {", with: "\"optimizer\": {\"groups\": [\(groups)], ")
      }
      try reseal(run)
      let error = #expect(throws: FormatError.self) { try room.open() }
      #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }
  }
}
