import Autodiff
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

  /// A model of a program's own: no text of the registry makes it.
  private struct Doubled: Model {
    let model = MLP(widths: [4, 3], activation: .tanh)
    let specification = "doubled:4-3"
    var layout: ParameterLayout { model.layout }
    var inputShape: Shape { model.inputShape }
    var outputShape: Shape { model.outputShape }

    func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
      graph.affine(
        model.outputs(&graph, inputs: inputs, parameters: parameters), scale: 2, offset: 0)
    }

    func initialParameters(seed: UInt64) -> [Double] { model.initialParameters(seed: seed) }
  }

  @Test("a run of a model that a program made is read back with that model")
  func ownModel() throws {
    let made = try TrainingRun<Double>(
      Doubled(), train: .init(items(9, inputs: 4, classes: 3)), learningRate: 0.1, batchSize: 3,
      epochs: 2)
    let final = try made.record(in: run)
    let record = try RunRecord(folder: run, model: Doubled())
    #expect(try record.state(at: 6) == final)
    // It trains again to the same bits, as every command that replays does.
    #expect(try record.replay() == nil)
    let without = message { _ = try RunRecord(folder: run) }
    #expect(without.contains("doubled:4-3") && without.contains("RunRecord(folder:model:)"))
    let other = message {
      _ = try RunRecord(folder: run, model: MLP(widths: [4, 3], activation: .tanh))
    }
    #expect(other.contains("doubled:4-3") && other.contains("mlp:4-3"))
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

  @Test("the copy is of what was read, although the file is replaced or changed meanwhile")
  func changedFiles() throws {
    let (x, y) = (room.folder.path("in.csv"), room.folder.path("out.csv"))
    try room.folder.write("a,b\n1,2\n3,4\n", to: "in.csv")
    try room.folder.write("y\n1\n0\n", to: "out.csv")
    let model = try MLP("mlp:2-2")
    let source = try TrainingRun<Float>.Source(inputs: x, targets: y, model, loss: .crossEntropy)
    var made = try TrainingRun(model, train: source, learningRate: 0.1, batchSize: 2, epochs: 1)
    let file = try #require(FileHandle(forWritingAtPath: x))
    try file.write(contentsOf: Data("a,b\n5".utf8))
    #expect(
      message { try made.record(in: run) }
        == "\(x): content that changed after it was read; start the run again")
    try file.seek(toOffset: 0)
    try file.write(contentsOf: Data("a,b\n1".utf8))
    // A new file of the same name is another file.
    try FileManager.default.removeItem(atPath: x)
    try room.folder.write("a,b\n7,8\n9,9\n", to: "in.csv")
    try made.record(in: run)
    #expect(try room.open().train() == source.items)
    // Items that are no longer those of the files are written anew.
    made.train.items = made.train.items[[1, 0]]
    let other = room.folder.path("other")
    try made.record(in: other)
    #expect(try RunRecord(folder: other).train() == made.train.items)
  }

  @Test(
    "a copy is named after its format, whatever the file was called",
    arguments: [
      ("in.CSV", "train-x.csv"), ("in.npy.csv", "train-x.csv"), ("in.run\nx", "train-x"),
      ("csv", "train-x"), (".part", "train-x"),
    ])
  func copiedNames(_ name: String, _ copy: String) throws {
    let model = try MLP("mlp:2-2")
    let labels = room.folder.path("out.npy")
    try NPY.write(StoredArray([1, 0], shape: [2]), to: labels)
    try NPY.write(Tensor<Float>([2, 2]), to: room.folder.path(name))
    if copy.hasSuffix("csv") { try room.folder.write("a,b\n1,2\n3,4\n", to: name) }
    let source = try TrainingRun<Float>.Source(
      inputs: room.folder.path(name), targets: labels, model, loss: .crossEntropy)
    try TrainingRun(model, train: source, learningRate: 0.1, batchSize: 2, epochs: 1).record(
      in: run)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(run)/data").sorted()
        == [copy, "train-y.npy"])
  }

  @Test("a run of PyTorch is reproduced from its data, initial parameters and batches")
  func reproduction() throws {
    let model = try MLP("mlp:8-4-5:tanh")
    let source = try TrainingRun<Float>.Source(
      inputs: oracle("command/train-x.npy"), targets: oracle("command/train-y.npy"), model,
      loss: .crossEntropy)
    let reference = try OptimizerOracle("momentum")
    let batches = try Batches(path: oracle("command/batches.npy"), items: source.items.count)
    var made = try TrainingRun(
      model, train: source, optimizer: reference.settings, learningRate: reference.rate,
      batchSize: 1, epochs: 1, batches: batches, checkpointEvery: 3)
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

  @Test("an epoch is a pass over the items in the batches at hand")
  func epoch() throws {
    let train = TrainingRun<Float>.Source(items(7, inputs: 4, classes: 3))
    func run(_ batches: Batches?) throws -> TrainingRun<Float> {
      try TrainingRun(
        MLP("mlp:4-3"), train: train, learningRate: 1, schedule: Schedule("step:1:0.5"),
        batchSize: 7, epochs: 5, batches: batches)
    }
    let shuffled = try run(nil)
    #expect(shuffled.checkpointEvery == 1)
    #expect(shuffled.batches == Batches.shuffled(items: 7, size: 7, epochs: 5, seed: 0))
    // Seven items are three batches of three.
    let own = Batches(size: 3, rows: (0..<15).map { $0 % 7 })
    let given = try run(own)
    #expect(given.batches == own)
    #expect(given.checkpointEvery == 3)
    #expect(given.checkpoints == [0, 3, 5])
    #expect(given.learningRates == [1, 1, 1, 0.5, 0.5])
    // A batch may repeat items, and be larger than there are.
    #expect(try run(Batches(size: 9, rows: (0..<18).map { $0 % 7 })).checkpointEvery == 1)
  }

  @Test("keys that nobody knows stay, when a run is resumed too")
  func otherKeys() throws {
    let made = try smallRun(as: Float.self)
    try room.interrupt(made, in: run, after: 5)
    let plain = try room.open().manifest
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(
        of: "\"seed\": 9,",
        with: "\"seed\": 9, \"owner\": {\"name\": \"Ada\", \"n\": [1.50, null]},")
    }
    #expect(try room.open().manifest == plain)
    try made.record(in: run)
    let text = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    #expect(text.contains("\"n\": [1.50, null]"))
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
    try reseal(run)
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
    made.itemWeights = [1, 1, .nan, 1, 1]
    #expect(
      message { try made.record(in: run) }
        == "weight of item 2: found nan, expected a finite number")
    made.itemWeights = nil
    made.initialParameters[3] = .infinity
    #expect(
      message { try made.record(in: run) }
        == "initial parameter 3: found inf, expected a finite number")
    made.initialParameters[3] = 0
    made.checkpointEvery = 0
    #expect(
      message { try made.record(in: run) }
        == "checkpoint interval: found 0, expected a whole number from 1")
    made.checkpointEvery = 1
    for row in [5, -2] {
      made.batches = Batches(size: 2, rows: [1, row])
      #expect(
        message { try made.record(in: run) }
          == "batch of step 0: found the row \(row), expected -1 or a row from 0 to 4")
    }
    made.batches = Batches(size: 2, rows: [1, 0, -1, -1])
    made.learningRates = [0.1, 0.1]
    #expect(
      message { try made.record(in: run) }
        == "batch of step 1: found no rows, expected at least one")
    made.batches = Batches(size: 2, rows: [])
    made.learningRates = []
    #expect(message { try made.record(in: run) } == "batches: found none, expected at least one")
    made.batches = Batches(size: 2, rows: [1, 0])
    made.learningRates = [0.1]
    made.train.items = items(5, inputs: 3, classes: 3)
    #expect(
      message { try made.record(in: run) }.contains("inputs of shape [5, 3], expected [5, 4]"))
    #expect(!FileManager.default.fileExists(atPath: run))
  }
}
