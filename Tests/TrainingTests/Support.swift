import Formats
import Foundation
import TensorCore
import Testing
import Training

/// A folder that goes away with its last user.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "palimpsest-training-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
  }
}

/// Brings the digests of `run.json` and the batches up to date, as somebody does who wants a
/// changed record to look untouched.
func reseal(_ run: String) throws {
  let sums = "\(run)/checkpoints/SHA256SUMS"
  func rewrite(_ path: String, _ change: (String) throws -> String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    let text = try change(String(contentsOfFile: path, encoding: .utf8))
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }
  let batches = try SHA256.hex(ofFile: "\(run)/batches.npy")
  try rewrite("\(run)/run.json") {
    $0.replacing(/"batchesSHA256": "[0-9a-f]{64}"/, with: "\"batchesSHA256\": \"\(batches)\"")
  }
  try rewrite(sums) {
    try $0.split(separator: "\n").map { line -> String in
      guard let name = line.split(separator: " ").last, name == "../run.json" else {
        return "\(line)\n"
      }
      let digest = try SHA256.hex(ofFile: "\(run)/checkpoints/\(name)")
      return "\(digest)  \(name)\n"
    }.joined()
  }
}

/// The bytes of all files in a folder but the lock, by their path in it.
func contents(of folder: String) throws -> [String: Data] {
  let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
  var contents: [String: Data] = [:]
  for name in names where name != "lock" {
    contents[name] = FileManager.default.contents(atPath: "\(folder)/\(name)")
  }
  return contents
}

/// A file of the oracles that PyTorch computed.
func oracle(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Oracles/data/\(name)").path
}

/// Items with normal inputs, and labels that go round.
func items<Scalar: TensorScalar>(
  _ count: Int, inputs: Int, classes: Int, as type: Scalar.Type = Scalar.self
) -> Dataset<Scalar> {
  var stream = RandomStream(seed: 3, stream: 1_000)
  return Dataset(
    inputs: stream.normalTensor([count, inputs]),
    targets: .labels((0..<count).map { Int32($0 % classes) }))
}

/// The largest difference relative to the largest element of the second.
func difference<Scalar: TensorScalar>(_ a: [Scalar], _ b: [Double]) -> Double {
  guard a.count == b.count, a.allSatisfy(\.isFinite) else { return .infinity }
  let scale = b.map(abs).max() ?? 1
  return zip(a, b).map { abs(Double($0) - $1) }.max().map { $0 / scale } ?? 0
}

/// The line of the error that a body throws.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)"
  }
}

/// Stops a run as a signal would.
struct Interruption: Error {}

/// A run of twelve steps in two epochs, with a checkpoint after every fourth.
func smallRun<Scalar: TensorScalar>(
  as type: Scalar.Type = Scalar.self, _ rule: any Optimizer.Type = Adam.self
) throws -> TrainingRun<Scalar> {
  var optimizer = OptimizerSettings(rule)
  optimizer.clipNorm = 0.5
  return try TrainingRun(
    MLP("mlp:4-5-3:tanh"), train: .init(items(17, inputs: 4, classes: 3)),
    test: .init(items(5, inputs: 4, classes: 3)), optimizer: optimizer, learningRate: 0.05,
    schedule: Schedule("warmup:3+cosine"), batchSize: 3, epochs: 2, checkpointEvery: 4, seed: 9)
}

/// A folder with room for a run.
struct RunRoom {
  let folder: TemporaryFolder
  var run: String { folder.path("run") }

  init() throws { folder = try TemporaryFolder() }

  func open() throws -> RunRecord { try RunRecord(folder: run) }

  /// Takes `steps` steps of a run and stops as if it had been killed: in the middle of a line of the
  /// log and of a file.
  func interrupt(
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

  /// Changes a text file of the run; digests of `run.json` follow.
  func edit(_ file: String, _ change: (inout String) -> Void) throws {
    var text = try String(contentsOfFile: "\(run)/\(file)", encoding: .utf8)
    change(&text)
    try folder.write(text, to: "run/\(file)")
    if file == "run.json" { try reseal(run) }
  }
}
