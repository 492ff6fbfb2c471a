import ArgumentParser
import Foundation
import Palimpsest
import Synchronization

/// Results on standard output, everything else on standard error.
enum Output {
  /// The reader has gone, as `head` does when it has enough: no fault of anybody.
  struct ReaderGone: Error {}

  /// Whether a person looks at it.
  static let isTerminal = isatty(STDOUT_FILENO) == 1

  /// A folder to write to, as `--out` names it.
  static func folder(_ path: String) throws -> String {
    guard !path.isEmpty else { throw ValidationError("found \"\", expected a folder") }
    return path
  }

  /// Writes a line.
  ///
  /// - Throws: `FormatError` of kind `unwritable`, or ``ReaderGone``.
  static func line(_ text: String) throws { try write(text + "\n") }

  /// Writes a text as it is.
  ///
  /// - Throws: As ``line(_:)``.
  static func write(_ text: String) throws {
    flushWarnings()
    guard !InputFiles.contains(descriptor: STDOUT_FILENO) else {
      throw FormatError(
        .uncreatable, file: "standard output", found: "a file that was read for these results",
        expected: "another place", remedy: "choose another name")
    }
    try Array(text.utf8).withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = Foundation.write(
          STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else {
          if errno == EPIPE { throw ReaderGone() }
          throw FormatError(
            .unwritable, file: "standard output",
            found: "cannot be written: \(String(cString: strerror(errno)))")
        }
        rest = rest.dropFirst(written)
      }
    }
  }

  /// Says on standard error what a person should know before trusting a result.
  ///
  /// It is said once there is a result, or work that lasts: a command that ends with an error says
  /// that alone.
  static func warn(_ note: String) {
    let line = "palimpsest: warning: \(FormatError.printable(note))\n"
    warnings.withLock { if !$0.said.contains(line) { $0.waiting.append(line) } }
  }

  private static let warnings = Mutex((waiting: [String](), said: Set<String>()))

  /// Says what ``warn(_:)`` was told.
  static func flushWarnings() {
    let lines = warnings.withLock { warnings in
      var lines: [String] = []
      for line in warnings.waiting where warnings.said.insert(line).inserted { lines.append(line) }
      warnings.waiting = []
      return lines
    }
    for line in lines { diagnose(line) }
  }

  /// Says on standard error what nobody needs; nothing with `--quiet`.
  static func notice(_ text: String) {
    if !ProgressBar.isHidden { diagnose(text) }
  }

  /// Writes to standard error; where nobody reads that any more, nothing is lost.
  static func diagnose(_ text: String) {
    Array(text.utf8).withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = Foundation.write(
          STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { return }
        rest = rest.dropFirst(written)
      }
    }
  }
}
