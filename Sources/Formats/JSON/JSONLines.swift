import TensorCore

/// Items as lines of JSON: an object each, such as `{"x": [0.5, 1], "y": 3, "id": "a"}`.
public enum JSONLines {
  /// The longest line in bytes.
  static let longestLine = 1 << 24
  /// The most names.
  static let mostNames = 100_000

  /// Reads all lines.
  ///
  /// Numbers and lists of numbers, nested for more axes, become an array `[N, …]` under their name:
  /// of whole numbers where all are below 2^53 and without point or exponent, else of `Double`. Texts
  /// become texts. A member that is anything else in some line, or has not the shape of the first, or
  /// is not in every line, is unreadable by its name: it does not spoil the others.
  ///
  /// - Throws: `FormatError`, naming line and byte, for a line that is no object.
  public static func read(_ source: ByteSource) throws(FormatError) -> ItemTable {
    let bytes = try source.text()
    var lines = Lines()
    var start = bytes.startIndex
    while let end = try end(of: start, in: bytes, line: lines.count + 1, source) {
      var reader = ByteReader(Array(bytes[start..<end]), file: source.name)
      do throws(FormatError) {
        try lines.append(&reader)
      } catch { throw error.inLine(lines.count + 1) }
      start = min(end + 1, bytes.endIndex)
    }
    guard lines.count > 0 else {
      throw source.malformed(found: "no lines", expected: "an object in each line")
    }
    let columns = lines.columns
    return ItemTable(
      source.name, columns.compactMap { $0.array(lines.count, in: source.name) },
      texts: columns.compactMap(\.namedTexts), unreadable: columns.compactMap(\.unreadable))
  }

  /// Where a line ends; nil where only blank lines are left.
  private static func end(
    of start: Int, in bytes: ArraySlice<UInt8>, line: Int, _ source: ByteSource
  ) throws(FormatError) -> Int? {
    let isLast = bytes[start...].first { !"\n\r\t ".utf8.contains($0) } == nil
    if isLast { return nil }
    let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
    guard end - start <= longestLine else {
      throw source.malformed(
        at: .line(line, column: longestLine), found: "a longer line",
        expected: "at most \(longestLine) bytes")
    }
    return end
  }

  /// The lines that were read.
  private struct Lines {
    private(set) var columns: [JSONLinesColumn] = []
    private(set) var count = 0
    private var places: [String: Int] = [:]
    /// The columns that every line so far has, and that can be read.
    private var whole: Set<Int> = []

    /// Appends a line to the columns.
    mutating func append(_ reader: inout ByteReader) throws(FormatError) {
      reader.skipJSONSpace()
      var seen: Set<Int> = []
      try reader.jsonObject { reader, name throws(FormatError) in
        let index = places[name] ?? columns.count
        guard seen.insert(index).inserted else {
          throw reader.malformed(
            found: "the name \(FormatError.quoted(name)) again", expected: "each name once")
        }
        if index < columns.count {
          try value(&reader, of: index)
        } else {
          try firstValue(&reader, name)
        }
      }
      for index in whole where !seen.contains(index) {
        fail(
          index,
          reader.malformed(
            found: "the object's end", expected: "\(FormatError.quoted(columns[index].name)) too",
            remedy: "every line has to have it"))
      }
      reader.skipJSONSpace()
      guard reader.remaining == 0 else {
        throw reader.malformed(found: reader.foundAhead, expected: "the end of the line")
      }
      count += 1
    }

    /// The value of a name that is new.
    private mutating func firstValue(
      _ reader: inout ByteReader, _ name: String
    ) throws(FormatError) {
      guard columns.count < mostNames else {
        throw reader.malformed(found: "more names", expected: "at most \(mostNames)")
      }
      places[name] = columns.count
      let start = reader
      do throws(FormatError) {
        guard count == 0 else {
          throw reader.malformed(
            found: "the name \(FormatError.quoted(name))",
            expected: "those of the first line: \(names)", remedy: "every line has to have it")
        }
        columns.append(try JSONLinesColumn(name, &reader))
        whole.insert(columns.count - 1)
      } catch {
        columns.append(JSONLinesColumn(name, fault: error.inLine(count + 1)))
        reader = start
        try reader.skipJSONValue()
      }
    }

    /// Another value of a name.
    private mutating func value(_ reader: inout ByteReader, of index: Int) throws(FormatError) {
      guard whole.contains(index) else { return try reader.skipJSONValue() }
      let start = reader
      do throws(FormatError) {
        try columns[index].append(&reader)
      } catch {
        fail(index, error)
        reader = start
        try reader.skipJSONValue()
      }
    }

    private mutating func fail(_ index: Int, _ error: FormatError) {
      columns[index].fail(error.inLine(count + 1))
      whole.remove(index)
    }

    private var names: String {
      columns.prefix(8).map { FormatError.quoted($0.name) }.joined(separator: ", ")
    }
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
    read: { source throws(FormatError) in try read(source) })
}
