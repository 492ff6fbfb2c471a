import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("Digests of checkpoints")
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

  @Test("the list has a line of `sha256sum` for each checkpoint")
  func list() throws {
    try smallRun(as: Float.self).record(in: run)
    var expected = ""
    for name in ["00000000", "00000004", "00000008", "00000012"] {
      let file = "\(name).safetensors"
      expected += try SHA256.hex(ofFile: "\(checkpoints)/\(file)") + "  \(file)\n"
    }
    #expect(try read(sums) == Array(expected.utf8))
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

  @Test("a record of another program needs no list, or one of some checkpoints only")
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
    for step in [4, 8] { #expect(try record.parameters(at: step, as: Float.self).count == 43) }
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
    let first = String(decoding: try read(sums).prefix(87), as: UTF8.self)
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
    #expect(lines.count == 3)
    try write(Array("\(lines[0])\n\(lines[1])\n".utf8), to: sums)
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
