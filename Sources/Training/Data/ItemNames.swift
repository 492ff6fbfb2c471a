public import Formats

/// Names of items, or of their groups, in a text file.
public enum ItemNames {
  /// Reads one name for each item: a line of UTF-8 each.
  ///
  /// - Parameter areUnique: Whether no name may stand there twice, as names of items and not of groups.
  /// - Throws: `FormatError`, naming the first line at fault.
  public static func read(
    path: String, items: Int, areUnique: Bool = false
  ) throws(FormatError) -> [String] {
    let source = try ByteSource(path: path)
    var lines = try source.text().split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    guard lines.count == items else {
      throw FormatError(
        .malformed, file: path, found: "\(lines.count) lines",
        expected: "\(items), one for each item")
    }
    var names: [String] = []
    names.reserveCapacity(items)
    var first: [String: Int] = [:]
    for (number, line) in lines.enumerated() {
      let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard let name = String(validating: text, as: UTF8.self), !name.isEmpty else {
        throw FormatError(
          .malformed, file: path,
          found: text.isEmpty ? "nothing in line \(number + 1)" : "line \(number + 1) not in UTF-8",
          expected: areUnique ? "the name of an item" : "the name of a group, such as - for none")
      }
      if areUnique, let earlier = first.updateValue(number + 1, forKey: name) {
        throw FormatError(
          .malformed, file: path,
          found: "\(FormatError.quoted(name)) in lines \(earlier) and \(number + 1)",
          expected: "a name of its own for each item")
      }
      names.append(name)
    }
    return names
  }
}
