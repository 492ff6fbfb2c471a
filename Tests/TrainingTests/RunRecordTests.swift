import Formats
import Foundation
import TensorCore
import Testing
import Training

/// Stops a run as a signal would.
private struct Interruption: Error {}

/// A run of twelve steps in two epochs, with a checkpoint after every fourth.
private func smallRun<Scalar: TensorScalar>(
  as type: Scalar.Type = Scalar.self, _ rule: any Optimizer.Type = Adam.self
) throws -> TrainingRun<Scalar> {
  var optimizer = OptimizerSettings(rule)
  optimizer.clipNorm = 0.5
  return try TrainingRun(
    MLP("mlp:4-5-3:tanh"), train: .init(items(17, inputs: 4, classes: 3)),
    test: .init(items(5, inputs: 4, classes: 3)), optimizer: optimizer, learningRate: 0.05,
    schedule: Schedule("warmup:3+cosine"), batchSize: 3, epochs: 2, checkpointEvery: 4, seed: 9)
}

@Suite("Run records")
struct RunRecordTests {
  private let folder: TemporaryFolder
  private var run: String { folder.path("run") }

  init() throws { folder = try TemporaryFolder() }

  /// Takes `steps` steps of a run and stops as if it had been killed: in the middle of a line of the
  /// log and of a file.
  private func interrupt(
    _ run: TrainingRun<Float>, in path: String, after steps: Int, pool: WorkerPool? = nil
  ) throws {
    #expect(throws: Interruption.self) {
      try run.record(in: path, pool: pool) { if $0.step == steps { throw Interruption() } }
    }
    let log = try #require(FileHandle(forWritingAtPath: "\(path)/log.jsonl"))
    try log.seekToEnd()
    try log.write(contentsOf: Data("{\"step\": 999}\n{\"st".utf8))
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(path)/checkpoints/00000099.1-1.part"))
  }

  private func edit(_ file: String, _ change: (inout String) -> Void) throws {
    var text = try String(contentsOfFile: "\(run)/\(file)", encoding: .utf8)
    change(&text)
    try folder.write(text, to: "run/\(file)")
  }

  private func open() throws -> RunRecord { try RunRecord(folder: run) }

  // MARK: What is written

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
    let record = try open()
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
    let record = try open()
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
    let (x, y) = (folder.path("in.csv"), folder.path("out.csv"))
    try folder.write("a,b\n1,2\n3,4\n", to: "in.csv")
    try folder.write("y\n1\n0\n", to: "out.csv")
    let model = try MLP("mlp:2-2")
    let source = try TrainingRun<Float>.Source(inputs: x, targets: y, model, loss: .crossEntropy)
    let made = try TrainingRun(model, train: source, learningRate: 0.1, batchSize: 8, epochs: 1)
    #expect(made.batches.size == 2)
    try made.record(in: run)
    #expect(
      FileManager.default.contentsEqual(atPath: x, andPath: "\(run)/data/train-x.csv"))
    // The record does not need the first file any more.
    try FileManager.default.removeItem(atPath: x)
    #expect(try open().train() == source.items)
  }

  @Test("keys that nobody knows are kept")
  func otherKeys() throws {
    try smallRun(as: Float.self).record(in: run)
    try edit("run.json") {
      $0 = $0.replacingOccurrences(
        of: "\"seed\": 9,",
        with: "\"seed\": 9, \"owner\": {\"name\": \"Ada\", \"n\": [1.50, null]},")
    }
    let manifest = try open().manifest
    #expect(manifest.otherMembers.map(\.name) == ["owner"])
    try manifest.write(to: run)
    let text = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    #expect(text.contains("[1.50, null]"))
    #expect(try open().manifest == manifest)
  }

  @Test("a record of another program needs no more than the contract says")
  func foreign() throws {
    try smallRun(as: Float.self, SGD.self).record(in: run)
    let record = try open()
    let (x, y) = (record.manifest.train.inputs.sha256, record.manifest.train.targets.sha256)
    try folder.write(
      """
      {"format": "palimpsest-run", "version": 1, "model": "mlp:4-5-3:tanh",
       "loss": "cross-entropy", "optimizer": {"name": "sgd"},
       "datasets": {"train": {"count": 17, "x": {"path": "data/train-x.npy", "sha256": "\(x)"},
                              "y": {"path": "data/train-y.npy", "sha256": "\(y)"}}},
       "steps": [\([String](repeating: "1e-1", count: 12).joined(separator: ","))]}
      """, to: "run/run.json")
    let foreign = try open()
    #expect(try foreign.batches() == record.batches())
    #expect(try foreign.train(as: Float.self) == record.train())
    #expect(try foreign.test(as: Float.self) == nil)
    #expect(try foreign.itemWeights() == [Float](repeating: 1, count: 17))
    #expect(try foreign.checkpoints() == [0, 4, 8, 12])
    #expect(foreign.manifest.learningRates == [Double](repeating: 0.1, count: 12))
    #expect(try foreign.parameters(at: 8) == record.parameters(at: 8, as: Float.self))
  }

  // MARK: Kill and resume

  @Test("a run that was killed after any step ends with the same bytes", arguments: 1...11)
  func resume(_ steps: Int) throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: folder.path("whole"))
    try interrupt(made, in: run, after: steps, pool: WorkerPool(threads: 2))
    // The step after a checkpoint is the first that a resumed run takes.
    if steps > 5, steps % 4 != 0 { try interrupt(made, in: run, after: steps) }
    try made.record(in: run, pool: WorkerPool(threads: 3))
    let (whole, resumed) = (try contents(of: folder.path("whole")), try contents(of: run))
    #expect(whole.keys.sorted() == resumed.keys.sorted())
    for (name, bytes) in whole { #expect(resumed[name] == bytes, "\(name)") }
  }

  @Test("a run that was killed before its first step starts again")
  func resumeBeginning() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: folder.path("whole"))
    try interrupt(made, in: run, after: 2)
    // As if it had happened earlier: the manifest is the last thing written before the first step.
    for name in ["run.json", "log.jsonl", "data/test-y.npy"] {
      try FileManager.default.removeItem(atPath: "\(run)/\(name)")
    }
    try made.record(in: run)
    #expect(try contents(of: run) == contents(of: folder.path("whole")))
  }

  @Test("a finished run is left alone")
  func finished() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: run)
    let before = try contents(of: run)
    #expect(throws: TrainingError.finished(folder: run, steps: 12)) { try made.record(in: run) }
    #expect(try contents(of: run) == before)
  }

  @Test("a run of other settings is not resumed")
  func differs() throws {
    let made = try smallRun(as: Float.self)
    try interrupt(made, in: run, after: 5)
    func fault(_ change: (inout TrainingRun<Float>) throws -> Void) rethrows -> String {
      var other = made
      try change(&other)
      return message { try other.record(in: run) }
    }
    #expect(
      fault { $0.seed = 8 }
        == "\(run): holds a run with another seed: found 9, expected 8; repeat its settings to "
        + "resume it, or choose another folder")
    #expect(try fault { $0.model = try MLP("mlp:4-5-3:relu") }.contains("another model"))
    #expect(fault { $0.optimizer.beta1 = 0.5 }.contains("another optimizer"))
    #expect(fault { $0.learningRates[7] = 1 }.contains("another learning rate of step 7"))
    #expect(fault { $0.checkpointEvery = 3 }.contains("another interval of checkpoints"))
    #expect(fault { $0.initialParameters[0] = 1 }.contains("another initial state"))
    #expect(fault { $0.test = nil }.contains("another test data"))
    #expect(
      fault { $0.itemWeights = [Float](repeating: 2, count: 17) }.contains("another item weights"))
    #expect(
      fault { $0.batches = Batches.shuffled(items: 17, size: 3, epochs: 2, seed: 1) }
        .contains("another batch order"))
    #expect(
      message { try smallRun(as: Double.self).record(in: run) }.contains("another precision"))
  }

  @Test("a folder that holds something else is refused and not touched")
  func occupied() throws {
    try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
    for name in ["data", "thesis.tex", "lock"] {
      try folder.write("mine", to: "run/\(name)")
      let before = try contents(of: run)
      #expect(
        message { try smallRun(as: Float.self).record(in: run) }.contains(
          "expected a new or empty folder, or a run to resume"))
      #expect(try contents(of: run) == before)
    }
    try folder.write("{\"format\": \"other\"}", to: "run/run.json")
    #expect(
      message { try smallRun(as: Float.self).record(in: run) }
        == "\(run)/run.json: found \"format\": “\"other\"”, expected \"palimpsest-run\"")
  }

  @Test("a second process is told to wait")
  func locked() throws {
    try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
    let lock = try DirectoryLock(folder: run)
    let line = message { try smallRun(as: Float.self).record(in: run) }
    #expect(line.hasPrefix("\(run): in use by process"))
    withExtendedLifetime(lock) {}
  }

  @Test("a run that diverges leaves a record that can be read up to its last checkpoint")
  func divergence() throws {
    var made = try smallRun(as: Float.self, SGD.self)
    made.optimizer.clipNorm = nil
    made.model = try MLP("mlp:4-5-3:relu")
    for step in 6..<12 { made.learningRates[step] = 1e30 }
    #expect(message { try made.record(in: run) }.contains("is NaN or infinite"))
    let record = try open()
    #expect(try record.state(at: 4, as: Float.self).step == 4)
    #expect(
      message { _ = try record.checkpoints() }.hasSuffix(
        "the run is not finished: repeat its command to resume it"))
  }

  // MARK: Damage

  @Test("a missing checkpoint is named")
  func missingCheckpoint() throws {
    try smallRun(as: Float.self).record(in: run)
    let path = "\(run)/checkpoints/00000004.safetensors"
    try FileManager.default.removeItem(atPath: path)
    let record = try open()
    #expect(
      message { _ = try record.checkpoints() }
        == "\(path): found no such checkpoint, expected the parameters after step 4 of 12")
    #expect(message { _ = try record.parameters(at: 4) as [Float] }.hasPrefix("\(path): cannot be"))
  }

  @Test("a checkpoint without the optimizer's state cannot be gone on from")
  func missingState() throws {
    try smallRun(as: Float.self).record(in: run)
    let record = try open()
    let path = "\(run)/checkpoints/00000004.safetensors"
    let arrays = try Safetensors(path: path).arrays.filter { $0.name != "optimizer/first-moment" }
    try Safetensors(arrays).write(to: path)
    _ = try record.parameters(at: 4) as [Float]
    #expect(
      message { _ = try record.state(at: 4) as TrainingState<Float> }
        == "\(path): found no array “optimizer/first-moment”, expected one of shape [43]")
  }

  @Test("changed data are found by their digest")
  func changedData() throws {
    try smallRun(as: Float.self).record(in: run)
    let (path, record) = ("\(run)/data/train-x.npy", try open())
    var tensor: Tensor<Float> = try StoredArray.read(path: path).tensor()
    tensor.scalars[0] += 1
    try NPY.write(tensor, to: path)
    let found = try SHA256.hex(ofFile: path)
    let line = message { _ = try record.train() as Dataset<Float> }
    #expect(
      line.contains("found SHA-256 \(found), expected \(record.manifest.train.inputs.sha256)"))
  }

  @Test("batches that fit neither items nor learning rates")
  func batches() throws {
    try smallRun(as: Float.self).record(in: run)
    let record = try open()
    try Batches(size: 3, rows: [0, 1, 17]).write(to: "\(run)/batches.npy")
    #expect(message { _ = try record.batches() }.contains("row 17 at step 0, column 2"))
    try Batches(size: 1, rows: Array(0..<13)).write(to: "\(run)/batches.npy")
    #expect(
      message { _ = try record.batches() }
        == "\(run)/run.json: found 12 learning rates in \"steps\", expected 13, one for each row of "
        + "\(run)/batches.npy; step 12 is the first without one")
  }

  @Test("a log with too few lines stops the resumption")
  func shortLog() throws {
    let made = try smallRun(as: Float.self)
    try interrupt(made, in: run, after: 6)
    try folder.write("{}\n", to: "run/log.jsonl")
    #expect(
      message { try made.record(in: run) }.hasPrefix(
        "\(run)/log.jsonl: found 1 lines, expected 4, one for each step"))
  }

  static let faults: [(old: String, new: String, line: String)] = [
    ("\"version\": 1", "\"version\": 2", "found \"version\": “2”, expected 1"),
    ("\"model\"", "\"modell\"", "found no key \"model\", expected the text that makes the model"),
    ("mlp:4-5-3:tanh", "cnn:3", "model \"cnn:3\" is of no known kind"),
    (
      "\"cross-entropy\"", "\"hinge\"",
      "found \"loss\": “\"hinge\"”, expected cross-entropy, squared"
    ),
    ("\"float32\"", "32", "found \"precision\": “32”, expected float32, float64"),
    ("\"adam\"", "\"lion\"", "found \"optimizer.name\": “\"lion\"”, expected sgd, momentum"),
    ("\"beta1\": 0.9,", "", "no key \"optimizer.beta1\""),
    (
      "\"beta1\": 0.9", "\"beta1\": 2",
      "\"optimizer.beta1\": “2”, expected a number from 0 to below"
    ),
    (
      "\"rate\": 0.0", "\"rate\": -1",
      "\"optimizer.weightDecay.rate\": “-1”, expected a number from 0"
    ),
    (
      "\"coupled\"", "\"both\"", "\"optimizer.weightDecay.kind\": “\"both\"”, expected coupled, dec"
    ),
    (
      "\"clipNorm\": 0.5", "\"clipNorm\": 0",
      "\"optimizer.clipNorm\": “0”, expected a number above 0"
    ),
    ("\"seed\": 9", "\"seed\": -9", "\"seed\": “-9”, expected a whole number from 0"),
    ("\"train\"", "\"learn\"", "no key \"datasets.train\", expected an object"),
    ("\"count\": 17", "\"count\": \"many\"", "\"datasets.train.count\": “\"many\"”"),
    ("[17, 4]", "[17, -4]", "\"datasets.train.x.shape\": “[17, -4]”"),
    ("[17, 4]", "[9000000000000000000, 4]", "\"datasets.train.x.shape\""),
    ("\"steps\": [", "\"steps\": [null, ", "\"steps[0]\": “null”, expected the learning rate"),
    ("\"steps\": [", "\"steps\": [1e999, ", "\"steps[0]\": “1e999”, expected the learning rate"),
    ("\"checkpoints\": [0, 4", "\"checkpoints\": [4, 0", "expected ascending whole numbers from 0"),
    ("\"format\"", "format", "run.json: byte 4: found `f`, expected `\"`"),
  ]

  @Test("every fault of run.json is named with its key", arguments: faults.indices)
  func manifest(_ index: Int) throws {
    let (old, new, line) = Self.faults[index]
    try smallRun(as: Float.self).record(in: run)
    try edit("run.json") {
      guard let range = $0.range(of: old) else { return }
      $0.replaceSubrange(range, with: new)
    }
    #expect(message { _ = try open() }.contains(line))
  }

  @Test("paths do not leave the folder, and a digest is 64 digits")
  func paths() throws {
    try smallRun(as: Float.self).record(in: run)
    let text = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    for (path, reason) in [
      ("../x.npy", "a step upwards"), ("/etc/passwd", "is absolute"), ("", "names no file"),
    ] {
      try edit("run.json") {
        $0 = text.replacingOccurrences(of: "data/train-x.npy", with: path)
      }
      let record = try open()
      #expect(message { _ = try record.train() as Dataset<Float> }.contains(reason))
    }
    let digest = try RunRecord(folder: run).manifest.train.inputs.sha256
    try edit("run.json") {
      $0 = text.replacingOccurrences(of: digest, with: digest.dropLast() + "g")
    }
    #expect(message { _ = try open() }.contains("\"datasets.train.x.sha256\""))
  }

  @Test("ids for some of the items only")
  func ids() throws {
    try smallRun(as: Float.self).record(in: run)
    try edit("run.json") {
      $0 = $0.replacingOccurrences(
        of: "\"count\": 17", with: "\"count\": 17, \"ids\": [\"a\", \"b\"]")
    }
    #expect(message { _ = try open() }.contains("found 2 datasets.train.ids, expected 17"))
  }

  @Test("no truncation of run.json crashes the reader")
  func truncation() throws {
    try smallRun(as: Float.self).record(in: run)
    let bytes = try #require(FileManager.default.contents(atPath: "\(run)/run.json"))
    for count in stride(from: 0, to: bytes.count - 2, by: 7) {
      try bytes.prefix(count).write(to: URL(fileURLWithPath: "\(run)/run.json"))
      #expect(message { _ = try open() }.hasPrefix("\(run)/run.json: byte"))
    }
  }

  // MARK: Settings

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
