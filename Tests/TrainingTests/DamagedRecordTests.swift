import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("Damaged records")
struct DamagedRecordTests {
  private let room: RunRoom
  private var run: String { room.run }

  init() throws { room = try RunRoom() }

  @Test("a missing checkpoint is named")
  func missingCheckpoint() throws {
    try smallRun(as: Float.self).record(in: run)
    let path = "\(run)/checkpoints/00000004.safetensors"
    try FileManager.default.removeItem(atPath: path)
    let record = try room.open()
    #expect(
      message { _ = try record.checkpoints() }
        == "\(path): found no such checkpoint, expected the parameters after step 4 of 12")
    #expect(message { _ = try record.parameters(at: 4) as [Float] }.hasPrefix("\(path): cannot be"))
  }

  @Test("a checkpoint without the optimizer's state cannot be gone on from")
  func missingState() throws {
    try smallRun(as: Float.self).record(in: run)
    // As a program that lists no digests leaves it.
    try FileManager.default.removeItem(atPath: "\(run)/checkpoints/SHA256SUMS")
    let record = try room.open()
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
    let (path, record) = ("\(run)/data/train-x.npy", try room.open())
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
    let record = try room.open()
    try Batches(size: 3, rows: [0, 1, 17]).write(to: "\(run)/batches.npy")
    #expect(message { _ = try record.batches() }.contains("row 17 at step 0, column 2"))
    try Batches(size: 1, rows: Array(0..<13)).write(to: "\(run)/batches.npy")
    try reseal(run)
    #expect(
      message { _ = try room.open().batches() }
        == "\(run)/run.json: found 12 learning rates in \"steps\", expected 13, one for each row of "
        + "\(run)/batches.npy; step 12 is the first without one")
  }

  @Test("a log with too few lines stops the resumption")
  func shortLog() throws {
    let made = try smallRun(as: Float.self)
    try room.interrupt(made, in: run, after: 6)
    try room.folder.write("{}\n", to: "run/log.jsonl")
    #expect(
      message { try made.record(in: run) }.hasPrefix(
        "\(run)/log.jsonl: found 1 lines, expected 4, one for each step"))
  }

  static let faults: [(old: String, new: String, line: String)] = [
    ("\"version\": 1", "\"version\": 2", "found \"version\": “2”, expected 1"),
    ("\"model\"", "\"modell\"", "found no key \"model\", expected the text that makes the model"),
    ("mlp:4-5-3:tanh", "cnn:3", "\"model\": “cnn:3”, expected the text of a model such as mlp:"),
    (
      "\"cross-entropy\"", "\"hinge\"",
      "found \"loss\": “\"hinge\"”, expected cross-entropy, cross-entropy-sum, binary-"
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
    ("\"count\": 17", "\"count\": 9000000000", "\"datasets.train.count\": “9000000000”"),
    ("[17, 4]", "[17, -4]", "\"datasets.train.x.shape\": “[17, -4]”"),
    ("[17, 4]", "[9000000000000000000, 4]", "\"datasets.train.x.shape\""),
    ("\"steps\": [", "\"steps\": [null, ", "\"steps[0]\": “null”, expected the learning rate"),
    ("\"steps\": [", "\"steps\": [1e999, ", "\"steps[0]\": “1e999”, expected the learning rate"),
    ("\"steps\": [", "\"steps\": [1, -0.5, ", "\"steps[1]\": “-0.5”, expected the learning rate"),
    ("\"steps\": [", "\"steps\": [-1e999, ", "\"steps[0]\": “-1e999”, expected the learning"),
    ("\"steps\": [", "\"steps\": [NaN, ", "run.json: byte"),
    ("\"checkpoints\": [0, 4", "\"checkpoints\": [4, 0", "expected ascending whole numbers from 0"),
    ("\"format\"", "format", "run.json: byte 4: found `f`, expected `\"`"),
  ]

  @Test("every fault of run.json is named with its key", arguments: faults.indices)
  func manifest(_ index: Int) throws {
    let (old, new, line) = Self.faults[index]
    try smallRun(as: Float.self).record(in: run)
    try room.edit("run.json") {
      guard let range = $0.range(of: old) else { return }
      $0.replaceSubrange(range, with: new)
    }
    #expect(message { _ = try room.open() }.contains(line))
  }

  @Test("paths do not leave the folder, and a digest is 64 digits")
  func paths() throws {
    try smallRun(as: Float.self).record(in: run)
    let text = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    for (path, reason) in [
      ("../x.npy", "a step upwards"), ("/etc/passwd", "is absolute"), ("", "names no file"),
    ] {
      try room.edit("run.json") {
        $0 = text.replacingOccurrences(of: "data/train-x.npy", with: path)
      }
      let record = try room.open()
      #expect(message { _ = try record.train() as Dataset<Float> }.contains(reason))
    }
    let digest = try RunRecord(folder: run).manifest.train.inputs.sha256
    try room.edit("run.json") {
      $0 = text.replacingOccurrences(of: digest, with: digest.dropLast() + "g")
    }
    #expect(message { _ = try room.open() }.contains("\"datasets.train.x.sha256\""))
  }

  @Test("ids for some of the items only")
  func ids() throws {
    try smallRun(as: Float.self).record(in: run)
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(
        of: "\"count\": 17", with: "\"count\": 17, \"ids\": [\"a\", \"b\"]")
    }
    #expect(message { _ = try room.open() }.contains("found 2 datasets.train.ids, expected 17"))
  }

  @Test("what is neither steps nor names of items stays small, and steps are those of the batches")
  func hostileSizes() throws {
    try smallRun(as: Float.self).record(in: run)
    let text = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
    func edited(_ old: String, _ new: String) throws -> String {
      try room.edit("run.json") { $0 = text.replacingOccurrences(of: old, with: new) }
      return message { _ = try room.open() }
    }
    func long(_ count: Int) -> String { String(repeating: "x", count: count) }
    #expect(
      try edited("\"seed\"", "\"notes\": \"\(long(9 << 20))\", \"seed\"").contains(
        "bytes besides steps and names of items, expected at most 8388608"))
    // Short of that, what nobody knows is passed over, even where it is deep.
    let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(try edited("\"seed\"", "\"notes\": \(deep), \"seed\"") == "no error")
    let many = "\"steps\": [\(String(repeating: "0,", count: 70_000))"
    #expect(
      try edited("\"steps\": [", many).contains(
        "found 70012 learning rates in \"steps\", expected 12, one for each row of"))
    let members = (0..<5000).map { "\"n\($0)\": 1" }.joined(separator: ", ")
    #expect(
      try edited("\"seed\"", "\(members), \"seed\"").contains("expected at most 4096"))
    #expect(
      try edited("\"environment\": {", "\"environment\": {\"n\": [\"\(long(2 << 20))\"],")
        .contains(
          "expected at most 1048576"))
  }

  @Test("a run.json of more than 64 MiB is refused before it is read")
  func hugeManifest() throws {
    try smallRun(as: Float.self).record(in: run)
    // The file takes no room.
    try #require(truncate("\(run)/run.json", 64 << 20) == 0)
    #expect(message { _ = try room.open() }.contains("run.json: byte"))
    try #require(truncate("\(run)/run.json", 64 << 20 | 1) == 0)
    #expect(
      message { _ = try room.open() }
        == "\(run)/run.json: found 67108865 bytes, expected at most 67108864")
  }

  @Test("no truncation of run.json crashes the reader")
  func truncation() throws {
    try smallRun(as: Float.self).record(in: run)
    let bytes = try #require(FileManager.default.contents(atPath: "\(run)/run.json"))
    for count in stride(from: 0, to: bytes.count - 2, by: 7) {
      try bytes.prefix(count).write(to: URL(fileURLWithPath: "\(run)/run.json"))
      #expect(message { _ = try room.open() }.hasPrefix("\(run)/run.json: byte"))
    }
  }
}
