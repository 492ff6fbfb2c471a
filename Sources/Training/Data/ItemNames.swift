public import Formats

/// Names of items, or of their groups, in a text file.
public enum ItemNames {
  /// Reads one name for each item: a line of UTF-8 each.
  ///
  /// - Throws: `FormatError`, naming the first line at fault.
  public static func read(path: String, items: Int) throws(FormatError) -> [String] {
    let source = try ByteSource(path: path)
    var lines = try source.bytes(source.count).split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    guard lines.count == items else {
      throw FormatError(
        .malformed, file: path, found: "\(lines.count) lines",
        expected: "\(items), one for each item")
    }
    var names: [String] = []
    names.reserveCapacity(items)
    for (number, line) in lines.enumerated() {
      let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard let name = String(validating: text, as: UTF8.self), !name.isEmpty else {
        throw FormatError(
          .malformed, file: path,
          found: "line \(number + 1) \(text.isEmpty ? "empty" : "that is not UTF-8")",
          expected: "the name of an item or a group")
      }
      names.append(name)
    }
    return names
  }
}
