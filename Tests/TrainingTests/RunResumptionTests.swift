import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("Interrupted runs")
struct RunResumptionTests {
  private let room: RunRoom
  private var run: String { room.run }

  init() throws { room = try RunRoom() }

  @Test("a run that was killed after any step ends with the same bytes", arguments: 1...11)
  func resume(_ steps: Int) throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: room.folder.path("whole"))
    try room.interrupt(made, in: run, after: steps, pool: WorkerPool(threads: 2))
    // The step after a checkpoint is the first that a resumed run takes.
    if steps > 5, steps % 4 != 0 { try room.interrupt(made, in: run, after: steps) }
    try made.record(in: run, pool: WorkerPool(threads: 3))
    let (whole, resumed) = (try contents(of: room.folder.path("whole")), try contents(of: run))
    #expect(whole.keys.sorted() == resumed.keys.sorted())
    for (name, bytes) in whole { #expect(resumed[name] == bytes, "\(name)") }
  }

  @Test("a process that a signal ends in the middle leaves a run that can be resumed")
  func signal() async throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: room.folder.path("whole"))
    await #expect(processExitsWith: .signal(SIGKILL)) { [run = run as String] in
      try smallRun(as: Float.self).record(in: run) { if $0.step == 6 { kill(getpid(), SIGKILL) } }
    }
    #expect(try Checkpoint.steps(run) == [0, 4])
    try made.record(in: run)
    #expect(try contents(of: run) == contents(of: room.folder.path("whole")))
  }

  @Test("a run that was killed before its first step starts again")
  func resumeBeginning() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: room.folder.path("whole"))
    try room.interrupt(made, in: run, after: 2)
    // As if it had happened earlier: the manifest is the last thing written before the first step.
    for name in ["run.json", "log.jsonl", "data/test-y.npy"] {
      try FileManager.default.removeItem(atPath: "\(run)/\(name)")
    }
    try made.record(in: run)
    #expect(try contents(of: run) == contents(of: room.folder.path("whole")))
  }

  @Test("a finished run is left alone, and gives its last state again")
  func finished() throws {
    let made = try smallRun(as: Float.self)
    let final = try made.record(in: run)
    let before = try contents(of: run)
    let number = { try FileManager.default.attributesOfItem(atPath: $0)[.systemFileNumber] as? Int }
    let log = try number("\(run)/log.jsonl")
    var steps = 0
    #expect(try made.record(in: run) { _ in steps += 1 } == final)
    #expect(steps == 0)
    #expect(try contents(of: run) == before)
    #expect(try number("\(run)/log.jsonl") == log)
    var other = made
    other.seed = 8
    #expect(message { try other.record(in: run) }.contains("another seed: found 9, expected 8"))
  }

  @Test("a run of other settings is not resumed")
  func differs() throws {
    let made = try smallRun(as: Float.self)
    try room.interrupt(made, in: run, after: 5)
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

  @Test(
    "a run is not gone on with by another library or on other kernels",
    arguments: ["palimpsest", "kernels", "products", "blasCore", "blas"])
  func environment(_ name: String) throws {
    let made = try smallRun(as: Float.self)
    try room.interrupt(made, in: run, after: 5)
    let environment = try room.open().manifest.environment
    let value = try #require(environment.first { $0.name == name }?.value)
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(of: "\"\(name)\": \(value)", with: "\"\(name)\": \"old\"")
    }
    #expect(
      message { try made.record(in: run) }
        == "\(run): holds a run with another environment, \(name): found \"old\", expected \(value); "
        + "repeat its settings to resume it, or choose another folder")
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(of: "\"\(name)\": \"old\"", with: "\"other\": 1")
    }
    #expect(message { try made.record(in: run) }.contains("found nothing, expected \(value)"))
  }

  @Test("the level of the kernels is a known one")
  func level() {
    #expect(["x86-64-v4", "x86-64-v3", "arm64", "baseline"].contains(Kernels.level))
  }

  @Test("a folder that holds something else is refused and not touched")
  func occupied() throws {
    try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
    for name in ["data", "thesis.tex", "lock"] {
      try room.folder.write("mine", to: "run/\(name)")
      let before = try contents(of: run)
      #expect(
        message { try smallRun(as: Float.self).record(in: run) }.contains(
          "expected a new or empty folder, or a run to resume"))
      #expect(try contents(of: run) == before)
    }
    try room.folder.write("{\"format\": \"other\"}", to: "run/run.json")
    #expect(
      message { try smallRun(as: Float.self).record(in: run) }
        == "\(run)/run.json: found \"format\": “\"other\"”, expected \"palimpsest-run\"")
  }

  @Test("only what a killed run left half-written is removed")
  func leftovers() throws {
    let made = try smallRun(as: Float.self)
    try room.interrupt(made, in: run, after: 5)
    let kept = ["mine.part", "data/train-x.npy.part", "checkpoints/1-1.part", "a.1-x.part"]
    for name in kept { try room.folder.write("mine", to: "run/\(name)") }
    let manager = FileManager.default
    for name in ["run.json.2-1.part", "data/b.7-7.part"] {
      try manager.createDirectory(atPath: "\(run)/\(name)", withIntermediateDirectories: true)
    }
    try room.folder.write("mine", to: "run/data/b.7-7.part/thesis.tex")
    try room.folder.write("mine", to: "mine")
    try manager.createSymbolicLink(
      atPath: "\(run)/log.jsonl.3-1.part", withDestinationPath: "../mine")
    try made.record(in: run)
    for name in kept + ["data/b.7-7.part/thesis.tex", "run.json.2-1.part", "log.jsonl.3-1.part"] {
      #expect(manager.fileExists(atPath: "\(run)/\(name)"), "\(name)")
    }
    #expect(!manager.fileExists(atPath: "\(run)/checkpoints/00000099.1-1.part"))
  }

  @Test("folders of a run are not followed out of it", arguments: ["data", "checkpoints"])
  func linkedFolder(_ name: String) throws {
    let manager = FileManager.default
    let made = try smallRun(as: Float.self)
    let expected = "\(run)/\(name): found a link or a file, expected a folder"
    // Before the first step.
    try manager.createDirectory(atPath: run, withIntermediateDirectories: true)
    let elsewhere = room.folder.path("elsewhere")
    try manager.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
    try room.folder.write("", to: "run/lock")
    try manager.createSymbolicLink(
      atPath: "\(run)/\(name)", withDestinationPath: elsewhere)
    #expect(message { try made.record(in: run) } == expected)
    #expect(try manager.contentsOfDirectory(atPath: elsewhere) == [])
    // In an interrupted run.
    try manager.removeItem(atPath: run)
    try room.interrupt(made, in: run, after: 5)
    try manager.removeItem(atPath: elsewhere)
    try manager.moveItem(atPath: "\(run)/\(name)", toPath: elsewhere)
    try manager.createSymbolicLink(
      atPath: "\(run)/\(name)", withDestinationPath: elsewhere)
    #expect(message { try made.record(in: run) } == expected)
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
    let record = try room.open()
    #expect(try record.state(at: 4, as: Float.self).step == 4)
    #expect(
      message { _ = try record.checkpoints() }.hasSuffix(
        "the run is not finished: repeat its command to resume it"))
  }
}
