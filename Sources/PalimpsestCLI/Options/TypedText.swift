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
  /// - Throws: ``UsageError`` where standard input has none, too much, or no UTF-8.
  static func read(_ text: String, option: String) throws -> String {
    guard text == "-" else { return text }
    let data = try FileHandle.standardInput.read(upToCount: most + 1) ?? Data()
    guard data.count <= most else {
      throw UsageError("\(option) -: found more than \(most >> 20) MiB on standard input")
    }
    guard var read = String(validating: data, as: UTF8.self) else {
      throw UsageError("\(option) -: found bytes on standard input that are not UTF-8")
    }
    if read.hasSuffix("\r\n") || read.hasSuffix("\n") { read.removeLast() }
    guard !read.isEmpty else {
      throw UsageError("\(option) -: found nothing on standard input, expected a text")
    }
    return read
  }
}
