import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("Digests of a record")
struct CheckpointSumsTests {
  private let room: RunRoom
  private var run: String { room.run }
  private var checkpoints: String { "\(room.run)/checkpoints" }
  private var sums: String { "\(checkpoints)/SHA256SUMS" }
  private var fourth: String { "\(checkpoints)/00000004.safetensors" }

  init() throws { room = try RunRoom() }

  private func read(_ path: String) throws -> [UInt8] {
    [UInt8](try #require(FileManager.default.contents(atPath: path)))
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  @Test("the list has a line of `sha256sum` for run.json, the log and each checkpoint")
  func list() throws {
    try smallRun(as: Float.self).record(in: run)
    var expected = ""
    for name in ["run.json", "log.jsonl"] {
      expected += try SHA256.hex(ofFile: "\(run)/\(name)") + "  ../\(name)\n"
    }
    for name in ["00000000", "00000004", "00000008", "00000012"] {
      let file = "\(name).safetensors"
      expected += try SHA256.hex(ofFile: "\(checkpoints)/\(file)") + "  \(file)\n"
    }
    #expect(try read(sums) == Array(expected.utf8))
    let record = try room.open()
    #expect(
      record.manifest.batchesSHA256 == (try SHA256.hex(ofFile: "\(run)/batches.npy")))
    #expect(record.filesWithoutDigest.isEmpty)
  }

  @Test("one changed bit of run.json, the batches, the log or the list gives no other numbers")
  func changedBits() throws {
    try smallRun(as: Float.self).record(in: run)
    let (record, steps) = (try room.open(), 12)
    let whole: TrainingRun<Float> = try record.run()
    let scales = try record.clipScales(steps: steps)
    var stream = RandomStream(seed: 5, stream: 77)
    for name in ["run.json", "batches.npy", "log.jsonl", "checkpoints/SHA256SUMS"] {
      let intact = try read("\(run)/\(name)")
      var refused = 0
      for _ in 0..<40 {
        var bytes = intact
        bytes[stream.nextInteger(below: bytes.count)] ^= 1 << UInt8(stream.nextInteger(below: 8))
        try write(bytes, to: "\(run)/\(name)")
        do {
          let record = try room.open()
          let read: TrainingRun<Float> = try record.run()
          _ = try record.checkpoints()
          #expect(try record.clipScales(steps: steps) == scales)
          #expect(read.learningRates == whole.learningRates && read.batches == whole.batches)
          #expect(read.train.items == whole.train.items && read.optimizer == whole.optimizer)
        } catch { refused += 1 }
      }
      // A letter of a digest may be a capital one.
      #expect(refused >= (name.hasSuffix("SUMS") ? 20 : 40), "\(name): \(refused)")
      try write(intact, to: "\(run)/\(name)")
    }
  }

  @Test("an earlier record lacks digests, is read, and says which")
  func earlier() throws {
    try smallRun(as: Float.self).record(in: run)
    let lines = String(decoding: try read(sums), as: UTF8.self).split(separator: "\n")
    let old = lines.filter { !$0.contains("../") }.map { "\($0)\n" }.joined()
    try write(Array(old.utf8), to: sums)
    #expect(try room.open().filesWithoutDigest == ["run.json", "log.jsonl"])
    try FileManager.default.removeItem(atPath: sums)
    #expect(try room.open().filesWithoutDigest == ["run.json", "checkpoints/", "log.jsonl"])
  }

  @Test("a checkpoint that nothing lists is refused, and so is a list that was cut")
  func unlisted() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: run)
    let stray = "\(checkpoints)/00000005.safetensors"
    try write(try read(fourth), to: stray)
    #expect(message { _ = try room.open().checkpoints() }.contains("that run.json does not list"))
    #expect(message { try made.record(in: run) }.contains("that run.json does not list"))
    // A record that does not say which there are has the list alone.
    try room.edit("run.json") {
      $0 = $0.replacing(/"checkpoints": \[[^\]]*\],/, with: "")
    }
    #expect(message { _ = try room.open().checkpoints() }.contains("SHA256SUMS does not list"))
    try FileManager.default.removeItem(atPath: stray)
    #expect(try room.open().checkpoints() == [0, 4, 8, 12])
    let whole = try read(sums)
    for count in 0..<whole.count - 1 {
      try write(Array(whole.prefix(count)), to: sums)
      #expect(message { _ = try room.open().checkpoints() } != "no error", "\(count) bytes")
    }
  }

  @Test("links in a record that lead out are refused, others are not")
  func links() throws {
    try smallRun(as: Float.self).record(in: run)
    let manager = FileManager.default
    for name in [
      "run.json", "batches.npy", "log.jsonl", "checkpoints/00000004.safetensors",
      "checkpoints/SHA256SUMS", "data/train-x.npy",
    ] {
      let (path, outside) = ("\(run)/\(name)", room.folder.path("outside"))
      try manager.moveItem(atPath: path, toPath: outside)
      try manager.createSymbolicLink(atPath: path, withDestinationPath: outside)
      func read() throws {
        let record = try room.open()
        let _: TrainingRun<Float> = try record.run()
        _ = try record.clipScales(steps: 12)
        let _: [Float] = try record.parameters(at: 4)
      }
      #expect(message { try read() }.contains("a link that leads out"), "\(name)")
      try manager.removeItem(atPath: path)
      try manager.moveItem(atPath: outside, toPath: "\(run)/inside")
      try manager.createSymbolicLink(atPath: path, withDestinationPath: "\(run)/inside")
      #expect(message { try read() } == "no error", "\(name)")
      try manager.removeItem(atPath: path)
      try manager.moveItem(atPath: "\(run)/inside", toPath: path)
    }
  }

  @Test("a checkpoint with one changed byte is refused, wherever the byte is")
  func changedByte() throws {
    try smallRun(as: Float.self).record(in: run)
    let record = try room.open()
    let intact = try read(fourth)
    let expected = try SHA256.hex(ofFile: fourth)
    for place in intact.indices {
      var bytes = intact
      bytes[place] ^= 1 << UInt8(place % 8)
      try write(bytes, to: fourth)
      let line =
        "\(fourth): found SHA-256 \(SHA256.hex(of: bytes)) of the checkpoint after step 4, "
        + "expected \(expected), which checkpoints/SHA256SUMS says; the file was changed after the "
        + "run: put the old one back, or make the run again"
      #expect(message { _ = try record.parameters(at: 4) as [Float] } == line, "byte \(place)")
      #expect(message { _ = try record.state(at: 4) as TrainingState<Float> } == line)
    }
    try write(intact, to: fourth)
    #expect(try record.state(at: 4, as: Float.self).step == 4)
    // The others were never touched.
    #expect(try record.parameters(at: 8, as: Float.self).count == 43)
  }

  @Test("a record of another program needs no list, or one of its checkpoints")
  func foreign() throws {
    try smallRun(as: Float.self).record(in: run)
    var bytes = try read(fourth)
    bytes[bytes.count - 1] ^= 1
    try write(bytes, to: fourth)
    #expect(throws: FormatError.self) { try room.open().parameters(at: 4, as: Float.self) }
    let digest = try SHA256.hex(ofFile: "\(checkpoints)/00000008.safetensors")
    // Binary mode, capital letters, and files that are no checkpoints.
    let text = "\(digest.uppercased()) *00000008.safetensors\n\(digest)  notes.txt\n"
    try write(Array(text.utf8), to: sums)
    let record = try room.open()
    #expect(
      message { _ = try record.parameters(at: 4) as [Float] }
        == "\(fourth): found a checkpoint that checkpoints/SHA256SUMS does not list, expected a line "
        + "with its digest; put the old list back, or repeat the command of a run that was "
        + "interrupted")
    for step in [8] { #expect(try record.parameters(at: step, as: Float.self).count == 43) }
    try write(bytes, to: "\(checkpoints)/00000008.safetensors")
    #expect(throws: FormatError.self) { try record.parameters(at: 8, as: Float.self) }
    try FileManager.default.removeItem(atPath: sums)
    #expect(try room.open().parameters(at: 8, as: Float.self).count == 43)
  }

  @Test(
    "a line that is none of `sha256sum` is refused with its number",
    arguments: [
      "0123", "", "g", "  00000008.safetensors", "SHA256 (00000008.safetensors) = 12",
    ])
  func badLine(_ line: String) throws {
    try smallRun(as: Float.self).record(in: run)
    let lines = String(decoding: try read(sums), as: UTF8.self).split(separator: "\n")
    let first = "\(lines[2])\n"
    try #require(first.hasSuffix("00000000.safetensors\n"))
    // Nothing, or the first checkpoint twice.
    let second = line.isEmpty ? String(first.dropLast()) : line
    try write(Array((first + second).utf8), to: sums)
    let found = line.isEmpty ? "another line for 00000000.safetensors" : line
    #expect(
      message { _ = try room.open() }.hasPrefix(
        "\(sums): line 2, column 1: found “\(found)”, expected 64 hexadecimal digits"))
  }

  @Test("a run killed between a checkpoint and its line writes the checkpoint again")
  func killedBetween() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: room.folder.path("whole"))
    try room.interrupt(made, in: run, after: 9)
    // As if the kill had come before the last line, and the disk had lost the checkpoint's bytes.
    let lines = String(decoding: try read(sums), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 5)
    let log = String(
      decoding: try read("\(run)/log.jsonl"), as: UTF8.self
    ).split(separator: "\n").prefix(4).map { "\($0)\n" }.joined()
    let digest = SHA256.hex(of: Array(log.utf8))
    try write(
      Array("\(lines[0])\n\(digest)  ../log.jsonl\n\(lines[2])\n\(lines[3])\n".utf8), to: sums)
    try write([1, 2, 3], to: "\(checkpoints)/00000008.safetensors")
    var steps: [Int] = []
    try made.record(in: run) { steps.append($0.step) }
    #expect(steps == Array(5...12))
    #expect(try contents(of: run) == contents(of: room.folder.path("whole")))
  }

  @Test("a run is not gone on with from a listed checkpoint that was changed")
  func changedBeforeResumption() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: room.folder.path("whole"))
    try room.interrupt(made, in: run, after: 5)
    var bytes = try read(fourth)
    bytes[bytes.count - 2] ^= 16
    try write(bytes, to: fourth)
    #expect(message { try made.record(in: run) }.contains("of the checkpoint after step 4"))
    // Without the file the run goes on from the one before it.
    try FileManager.default.removeItem(atPath: fourth)
    try made.record(in: run)
    #expect(try contents(of: run) == contents(of: room.folder.path("whole")))
  }

  @Test("a list that is missing is made again when a run goes on")
  func missingList() throws {
    let made = try smallRun(as: Float.self)
    try made.record(in: room.folder.path("whole"))
    try room.interrupt(made, in: run, after: 6)
    try FileManager.default.removeItem(atPath: sums)
    var steps: [Int] = []
    try made.record(in: run) { steps.append($0.step) }
    #expect(steps == Array(5...12))
    #expect(try contents(of: run) == contents(of: room.folder.path("whole")))
  }
}
