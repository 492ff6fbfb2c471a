import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("Run records")
struct RunRecordTests {
  private let room: RunRoom
  private var run: String { room.run }

  init() throws { room = try RunRoom() }

  @Test("a record says all that the run depended on", arguments: [true, false])
  func roundTrip(_ isSingle: Bool) throws {
    if isSingle { try roundTrip(Float.self) } else { try roundTrip(Double.self) }
  }

  private func roundTrip<Scalar: TensorScalar>(_ type: Scalar.Type) throws {
    var made = try smallRun(as: type)
    var weights = [Scalar](repeating: 1, count: 17)
    weights[3] = 0.25
    made.itemWeights = weights
    let data = made.train.items
    made.train.items = Dataset(
      inputs: data.inputs, targets: data.targets, ids: (0..<17).map { "item \($0) \"é\"" },
      groups: (0..<17).map { $0 < 9 ? "a" : "b" })
    let final = try made.record(in: run)
    let record = try room.open()
    #expect(record.manifest.precision == .init(type))
    #expect(record.manifest.optimizer == made.optimizer)
    #expect(record.manifest.learningRates == made.learningRates)
    #expect(record.manifest.seed == 9)
    #expect(record.model.specification == "mlp:4-5-3:tanh")
    #expect(try record.batches() == made.batches)
    #expect(try record.train() == made.train.items)
    #expect(try record.test() == made.test?.items)
    #expect(try record.itemWeights() == weights)
    #expect(try record.checkpoints() == [0, 4, 8, 12])
    #expect(try record.parameters(at: 0) == made.initialParameters)
    #expect(try record.state(at: 12) == final)
    #expect(final.step == 12)
  }

  @Test("replaying a segment from a checkpoint gives the next checkpoint, bit for bit")
  func replay() throws {
    try smallRun(as: Float.self).record(in: run)
    let record = try room.open()
    let program = TrainingProgram<Float>(
      record.model, loss: record.manifest.loss, optimizer: record.manifest.optimizer, batchSize: 3)
    let trainer = try Trainer(program, data: record.train(), parameters: record.parameters(at: 0))
    trainer.state = try record.state(at: 4)
    try trainer.run(record.batches(), record.manifest.learningRates, to: 8)
    #expect(try trainer.state == record.state(at: 8))
  }

  @Test("the log has a line for each step, with the loss of its batch")
  func log() throws {
    let made = try smallRun(as: Float.self)
    var losses: [Double] = []
    try made.record(in: run) { losses.append($0.loss) }
    let lines = try String(contentsOfFile: "\(run)/log.jsonl", encoding: .utf8).split(
      separator: "\n")
    #expect(lines.count == 12)
    for (step, line) in lines.enumerated() {
      let value = try JSONValue(ByteSource(Array(line.utf8), name: "line"))
      #expect(value["step"]?.integer(Int.self) == step)
      #expect(value["learningRate"]?.double == made.learningRates[step])
      #expect(value["loss"].flatMap { $0.double.map { Float($0) } } == Float(losses[step]))
      #expect(value["clipScale"]?.double != nil)
    }
  }

  @Test("files of data are copied into the record, byte by byte")
  func files() throws {
    let (x, y) = (room.folder.path("in.csv"), room.folder.path("out.csv"))
    try room.folder.write("a,b\n1,2\n3,4\n", to: "in.csv")
    try room.folder.write("y\n1\n0\n", to: "out.csv")
    let model = try MLP("mlp:2-2")
    let source = try TrainingRun<Float>.Source(inputs: x, targets: y, model, loss: .crossEntropy)
    let made = try TrainingRun(model, train: source, learningRate: 0.1, batchSize: 8, epochs: 1)
    #expect(made.batches.size == 2)
    try made.record(in: run)
    #expect(
      FileManager.default.contentsEqual(atPath: x, andPath: "\(run)/data/train-x.csv"))
    // The record does not need the first file any more.
    try FileManager.default.removeItem(atPath: x)
    #expect(try room.open().train() == source.items)
  }

  @Test("a run of PyTorch is reproduced from its data, initial parameters and batches")
  func reproduction() throws {
    let model = try MLP("mlp:8-4-5:tanh")
    let source = try TrainingRun<Float>.Source(
      inputs: oracle("command/train-x.npy"), targets: oracle("command/train-y.npy"), model,
      loss: .crossEntropy)
    let reference = try OptimizerOracle("momentum")
    var made = try TrainingRun(
      model, train: source, optimizer: reference.settings, learningRate: reference.rate,
      batchSize: 1, epochs: 1, checkpointEvery: 3)
    made.batches = try Batches(
      path: oracle("command/batches.npy"), items: source.items.count)
    made.learningRates = try reference.array("learning_rates").scalars
    made.initialParameters = try model.layout.read(oracle("command/initial.safetensors"))
    try made.record(in: run)
    let record = try room.open()
    #expect(try record.checkpoints() == [0, 3, 6, 9, 10])
    for step in try record.checkpoints() where step > 0 {
      let parameters: [Float] = try record.parameters(at: step)
      let expected = try reference.array("parameters").row(step - 1).scalars
      #expect(difference(parameters, expected) < 1e-4, "step \(step)")
    }
  }

  @Test("keys that nobody knows are kept")
  func otherKeys() throws {
    try smallRun(as: Float.self).record(in: run)
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(
        of: "\"seed\": 9,",
        with: "\"seed\": 9, \"owner\": {\"name\": \"Ada\", \"n\": [1.50, null]},")
    }
    let manifest = try room.open().manifest
    #expect(manifest.otherMembers.map(\.name) == ["owner"])
    try manifest.write(to: run)
    let text = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    #expect(text.contains("[1.50, null]"))
    #expect(try room.open().manifest == manifest)
  }

  @Test("a record of another program needs no more than the contract says")
  func foreign() throws {
    try smallRun(as: Float.self, SGD.self).record(in: run)
    let record = try room.open()
    let (x, y) = (record.manifest.train.inputs.sha256, record.manifest.train.targets.sha256)
    try room.folder.write(
      """
      {"format": "palimpsest-run", "version": 1, "model": "mlp:4-5-3:tanh",
       "loss": "cross-entropy", "optimizer": {"name": "sgd"},
       "datasets": {"train": {"count": 17, "x": {"path": "data/train-x.npy", "sha256": "\(x)"},
                              "y": {"path": "data/train-y.npy", "sha256": "\(y)"}}},
       "steps": [\([String](repeating: "1e-1", count: 12).joined(separator: ","))]}
      """, to: "run/run.json")
    let foreign = try room.open()
    #expect(try foreign.batches() == record.batches())
    #expect(try foreign.train(as: Float.self) == record.train())
    #expect(try foreign.test(as: Float.self) == nil)
    #expect(try foreign.itemWeights(as: Float.self) == nil)
    #expect(try foreign.checkpoints() == [0, 4, 8, 12])
    #expect(foreign.manifest.learningRates == [Double](repeating: 0.1, count: 12))
    #expect(try foreign.parameters(at: 8) == record.parameters(at: 8, as: Float.self))
  }

  @Test("settings that make no sense are refused before anything is written")
  func settings() throws {
    let train = TrainingRun<Float>.Source(items(5, inputs: 4, classes: 3))
    let model = try MLP("mlp:4-3")
    #expect(
      message {
        _ = try TrainingRun(model, train: train, learningRate: 0.1, batchSize: 0, epochs: 1)
      } == "batch size: found 0, expected a whole number from 1")
    #expect(
      message {
        _ = try TrainingRun(model, train: train, learningRate: 0.1, batchSize: 1, epochs: 0)
      } == "epochs: found 0, expected a whole number from 1")
    var made = try TrainingRun(model, train: train, learningRate: -1, batchSize: 5, epochs: 1)
    #expect(
      message { try made.record(in: run) }
        == "learning rate of step 0: found -1.0, expected a number from 0")
    made.learningRates = []
    #expect(
      message { try made.record(in: run) }
        == "learning rates: found 0, expected 1, one for each step")
    made.learningRates = [0.1]
    made.itemWeights = [1]
    #expect(
      message { try made.record(in: run) }
        == "item weights: found 1, expected 5, one for each training item")
    made.itemWeights = nil
    made.train.items = items(5, inputs: 3, classes: 3)
    #expect(
      message { try made.record(in: run) }.contains("inputs of shape [5, 3], expected [5, 4]"))
    #expect(!FileManager.default.fileExists(atPath: run))
  }
}
