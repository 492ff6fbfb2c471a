import Formats
import Foundation
import TensorCore

/// `log.jsonl`: one line for each step.
///
/// Lines are handed to the device together, before each checkpoint: the log never has fewer lines
/// than the last checkpoint has steps. Nothing in a line depends on the time or the machine, so that
/// a resumed run ends with the same bytes.
final class RunLog {
  private let path: String
  private let file: FileHandle
  private var pending: [UInt8] = []
  private var digest = SHA256.Digest()

  /// The digest of all lines that the device has.
  var sha256: String { digest.hex() }

  /// Opens the log of a run's folder anew, with the lines that it starts with.
  init(folder: String, start: [UInt8]) throws(FormatError) {
    path = "\(folder)/\(RunFiles.log)"
    try AtomicFile.write(start, to: path)
    digest.update(start)
    guard let file = FileHandle(forWritingAtPath: path), (try? file.seekToEnd()) != nil else {
      throw FormatError(.uncreatable, file: path, found: "a log that cannot be opened")
    }
    self.file = file
  }

  deinit { try? file.close() }

  /// The first `lines` lines of a log.
  static func start(of source: ByteSource, lines: Int) throws(FormatError) -> [UInt8] {
    let bytes = try source.prefix(source.count)
    var (end, found) = (0, 0)
    while found < lines, let newline = bytes[end...].firstIndex(of: UInt8(ascii: "\n")) {
      end = newline + 1
      found += 1
    }
    guard found == lines else {
      throw FormatError(
        .malformed, file: source.name, found: "\(found) lines",
        expected: "\(lines), one for each step",
        remedy: "the log was changed after the run: put the old one back")
    }
    return Array(bytes[..<end])
  }

  /// Appends the line of a step, counted from 0.
  func append<Scalar: TensorScalar>(
    step: Int, learningRate: Double, _ result: Trainer<Scalar>.Step, clips: Bool
  ) {
    var members: [JSONValue.Member] = [
      .init("step", .number(step)), .init("learningRate", .number(learningRate)),
      .init("loss", .number(literal: "\(result.loss)")),
    ]
    if clips { members.append(.init("clipScale", .number(literal: "\(result.clipScale)"))) }
    pending += Array("\(JSONValue.object(members))\n".utf8)
  }

  /// Waits until the device has all lines.
  func flush() throws(FormatError) {
    do {
      try file.write(contentsOf: pending)
      try file.synchronize()
    } catch {
      throw FormatError(.unwritable, file: path, found: "cannot be written: \(error)")
    }
    digest.update(pending)
    pending.removeAll(keepingCapacity: true)
  }
}
