import TensorCore

/// Items as lines of JSON: an object each, such as `{"x": [0.5, 1], "y": 3, "id": "a"}`.
public enum JSONLines {
  /// The longest line in bytes.
  static let longestLine = 1 << 24

  /// Reads all lines.
  ///
  /// Numbers and lists of numbers, nested for more axes, become an array `[N, …]` under their name:
  /// of whole numbers where all are below 2^53 and without point or exponent, else of `Double`. Texts
  /// become texts.
  ///
  /// - Throws: `FormatError`, naming line and byte, for a line that is no such object, or that has
  ///   not the members and the shapes of the first.
  public static func read(_ source: ByteSource) throws(FormatError) -> ItemTable {
    let bytes = try source.bytes(source.count)
    var columns: [JSONLinesColumn] = []
    var places: [String: Int] = [:]
    var rows = 0
    var start = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    while let end = try end(of: start, in: bytes, line: rows + 1, source) {
      var reader = ByteReader(Array(bytes[start..<end]), file: source.name)
      do throws(FormatError) {
        try row(&reader, into: &columns, &places, isFirst: rows == 0)
      } catch { throw error.inLine(rows + 1) }
      rows += 1
      start = min(end + 1, bytes.count)
    }
    guard rows > 0 else {
      throw source.malformed(found: "no lines", expected: "an object in each line")
    }
    return ItemTable(
      source.name, columns.compactMap { $0.array(rows) },
      texts: columns.compactMap(\.namedTexts))
  }

  /// Where a line ends; nil where only blank lines are left.
  private static func end(
    of start: Int, in bytes: [UInt8], line: Int, _ source: ByteSource
  ) throws(FormatError) -> Int? {
    let isLast = bytes[start...].first { !"\n\r\t ".utf8.contains($0) } == nil
    if isLast { return nil }
    let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
    guard end - start <= longestLine else {
      throw source.malformed(
        at: .line(line, column: longestLine), found: "a longer line",
        expected: "at most \(longestLine) bytes")
    }
    return end
  }

  /// Appends a line to the columns, which the first line makes.
  private static func row(
    _ reader: inout ByteReader, into columns: inout [JSONLinesColumn],
    _ places: inout [String: Int], isFirst: Bool
  ) throws(FormatError) {
    reader.skipJSONSpace()
    var seen: Set<String> = []
    try reader.jsonObject { reader, name throws(FormatError) in
      guard seen.insert(name).inserted else {
        throw reader.malformed(
          found: "the name \(FormatError.quoted(name)) again", expected: "each name once")
      }
      if isFirst {
        places[name] = columns.count
        columns.append(try JSONLinesColumn(name, &reader))
      } else if let index = places[name] {
        try columns[index].append(&reader)
      } else {
        throw reader.malformed(
          found: "the name \(FormatError.quoted(name))",
          expected: "those of the first line: \(names(columns))")
      }
    }
    if let missing = columns.first(where: { !seen.contains($0.name) }) {
      throw reader.malformed(
        found: "the object's end", expected: "\(FormatError.quoted(missing.name)) too",
        remedy: "every line has the names of the first: \(names(columns))")
    }
    reader.skipJSONSpace()
    guard reader.remaining == 0 else {
      throw reader.malformed(found: reader.foundAhead, expected: "the end of the line")
    }
  }

  private static func names(_ columns: [JSONLinesColumn]) -> String {
    columns.prefix(8).map { FormatError.quoted($0.name) }.joined(separator: ", ")
  }
}

extension FormatError {
  /// The same fault in a line, its bytes counted from 1.
  fileprivate func inLine(_ line: Int) -> FormatError {
    guard case .byte(let offset) = place else { return self }
    return FormatError(
      kind, file: file, at: .line(line, column: offset + 1), found: found, expected: expected,
      remedy: remedy)
  }
}

extension JSONLines {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "jsonl", extensions: ["jsonl", "ndjson"],
    summary: "items as lines of JSON, numbers, lists of numbers and texts by name",
    recognises: { _ throws(FormatError) in false },
    read: { source throws(FormatError) in try read(source).arrays })
}
