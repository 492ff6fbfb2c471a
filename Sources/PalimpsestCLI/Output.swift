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
    switch send(text, to: STDOUT_FILENO) {
    case 0: break
    case EPIPE: throw ReaderGone()
    case let failure:
      throw FormatError(
        .unwritable, file: "standard output",
        found: "cannot be written: \(String(cString: strerror(failure)))")
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
  static func diagnose(_ text: String) { _ = send(text, to: STDERR_FILENO) }

  /// Writes all of a text.
  ///
  /// - Returns: 0, or the number of the error that stood in the way.
  private static func send(_ text: String, to descriptor: Int32) -> Int32 {
    Array(text.utf8).withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = Foundation.write(
          descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written > 0 {
          rest = rest.dropFirst(written)
        } else if written == 0 {
          return EIO
        } else if errno == EAGAIN {
          // Whoever has the other end may have made it one that does not wait.
          var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&waiting, 1, -1)
        } else if errno != EINTR {
          return errno
        }
      }
      return 0
    }
  }
}
