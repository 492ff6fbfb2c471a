import TensorCore

/// The values of one name in all lines.
struct JSONLinesColumn {
  let name: String
  /// The numbers of all lines, row by row.
  private var numbers: [Double] = []
  private var texts: [String] = []
  /// The shape of a line's numbers; nil where they are texts.
  private var shape: [Int]?
  /// The first fault, which makes the column unreadable; later values do not count.
  private(set) var fault: FormatError?
  /// Whether no number has a point or an exponent, or is too large to be exact.
  private var isWhole = true

  /// A column with its first value, which all others must be like.
  init(_ name: String, _ reader: inout ByteReader) throws(FormatError) {
    self.name = name
    if reader.peek == UInt8(ascii: "\"") {
      shape = nil
      texts.append(try reader.jsonString())
    } else {
      // The extents are known when the first list of each depth ends.
      var extents: [Int?] = []
      try JSONLinesColumn.list(&reader, depth: 0, &extents, &numbers, &isWhole)
      shape = extents.map { $0 ?? 0 }
    }
  }

  /// A column whose first value is at fault.
  init(_ name: String, fault: FormatError) {
    self.name = name
    self.fault = fault
  }

  /// Gives the values up.
  mutating func fail(_ error: FormatError) {
    fault = error
    numbers = []
    texts = []
  }

  /// Appends the value of another line.
  mutating func append(_ reader: inout ByteReader) throws(FormatError) {
    guard let shape else {
      guard reader.peek == UInt8(ascii: "\"") else {
        throw reader.malformed(
          found: reader.foundJSONAhead, expected: "a text for \(FormatError.quoted(name))")
      }
      return texts.append(try reader.jsonString())
    }
    guard reader.peek != UInt8(ascii: "\"") else {
      throw reader.malformed(
        found: "a text",
        expected: "numbers of shape \(Shape(shape)) for \(FormatError.quoted(name))")
    }
    var extents = shape.map(Int?.some)
    try JSONLinesColumn.list(&reader, depth: 0, &extents, &numbers, &isWhole)
  }

  /// Steps over a number or a list, appends its numbers, and finds or compares the extents.
  private static func list(
    _ reader: inout ByteReader, depth: Int, _ extents: inout [Int?], _ numbers: inout [Double],
    _ isWhole: inout Bool
  ) throws(FormatError) {
    let start = reader
    guard reader.skip("[") else {
      guard depth == extents.count else {
        throw start.malformed(
          found: start.foundJSONAhead, expected: "a list, as the first in its place")
      }
      return numbers.append(try reader.plainNumber(&isWhole))
    }
    // The lines are one more axis.
    guard depth < Shape.largestRank - 1 else {
      throw start.malformed(
        found: "more nesting", expected: "at most \(Shape.largestRank - 1) levels")
    }
    // A new depth is one that no list has ended in before.
    if depth == extents.count {
      guard numbers.isEmpty, extents.allSatisfy({ $0 == nil }) else {
        throw start.malformed(found: "a list", expected: "a number, as the first in its place")
      }
      extents.append(nil)
    }
    var count = 0
    reader.skipJSONSpace()
    if !reader.skip("]") {
      while true {
        try list(&reader, depth: depth + 1, &extents, &numbers, &isWhole)
        count += 1
        reader.skipJSONSpace()
        if reader.skip("]") { break }
        try reader.expect(",")
        reader.skipJSONSpace()
      }
    }
    guard extents[depth] ?? count == count else {
      throw start.malformed(
        found: "a list of \(count)", expected: "one of \(extents[depth] ?? 0), as the first")
    }
    extents[depth] = count
  }

  /// The numbers as an array; nil where these are texts.
  func array(_ rows: Int, in file: String) -> NamedArray? {
    guard fault == nil, let shape = shape.map({ Shape([rows] + $0) }) else { return nil }
    let array =
      isWhole
      ? StoredArray(numbers.map { Int64($0) }, shape: shape) : StoredArray(Tensor(shape, numbers))
    return NamedArray(name, array.inFile(file, .lines(width: shape.count / max(rows, 1))))
  }

  /// The texts; nil where these are numbers.
  var namedTexts: ItemTable.Texts? {
    shape == nil && fault == nil ? ItemTable.Texts(name: name, values: texts) : nil
  }

  /// The name with the fault; nil where there is none.
  var unreadable: ItemTable.Unreadable? { fault.map { .init(name, $0) } }
}

extension ByteReader {
  /// Steps over a number by the grammar of JSON, rounded to nearest.
  fileprivate mutating func plainNumber(_ isWhole: inout Bool) throws(FormatError) -> Double {
    let start = self
    let text = jsonNumberText()
    guard ByteReader.isJSONNumber(text), let value = CSVScanner.number(text) else {
      let found = start.foundJSONAhead
      throw start.malformed(
        found: text.isEmpty || found == "-Infinity"
          ? found : FormatError.quoted(String(decoding: text, as: UTF8.self)),
        expected: "a number, a list of numbers or a text",
        remedy: ["null", "NaN", "Infinity", "-Infinity"].contains(found)
          ? "fill it in, or leave the line out"
          : ["true", "false"].contains(found) ? "write 1 or 0" : "")
    }
    if isWhole {
      isWhole = abs(value) < 0x1p53 && !text.contains { ".eE".utf8.contains($0) }
    }
    return value
  }
}
