import Foundation
import Palimpsest

/// A text on the command line, or `-` for what comes on standard input.
enum TypedText {
  /// The most bytes that are read.
  private static let most = 1 << 24

  /// The text that is meant.
  ///
  /// A line break at the very end of the input, as `echo` writes it, is no part of the text.
  ///
  /// - Throws: ``UsageError`` where standard input has none, too much, or no UTF-8; `FormatError` where
  ///   it cannot be read; ``Interrupted``.
  static func read(_ text: String, option: String) throws -> String {
    guard text == "-" else { return text }
    let data = try standardInput()
    guard data.count <= most else {
      throw UsageError("\(option) -: found more than \(most >> 20) MiB on standard input")
    }
    guard var typed = String(validating: data, as: UTF8.self) else {
      throw UsageError("\(option) -: found bytes on standard input that are not UTF-8")
    }
    if typed.hasSuffix("\r\n") || typed.hasSuffix("\n") { typed.removeLast() }
    guard !typed.isEmpty else {
      throw UsageError("\(option) -: found nothing on standard input, expected a text")
    }
    return typed
  }

  /// What comes on standard input, one byte more than there may be at most.
  private static func standardInput() throws -> Data {
    var data = Data()
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while data.count <= most {
      var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      let ready = poll(&waiting, 1, 100)
      try Signals.check()
      if ready == 0 || ready < 0 && errno == EINTR { continue }
      let count = Foundation.read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count >= 0 else {
        throw FormatError(
          .unreadable, file: "standard input",
          found: "cannot be read: \(String(cString: strerror(errno)))")
      }
      if count == 0 { break }
      data.append(contentsOf: chunk.prefix(count))
    }
    return data
  }
}
