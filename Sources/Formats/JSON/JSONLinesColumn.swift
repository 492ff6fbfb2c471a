import TensorCore

/// The values of one name in all lines.
struct JSONLinesColumn {
  let name: String
  /// The numbers of all lines, row by row.
  private var numbers: [Double] = []
  private var texts: [String] = []
  /// The shape of a line's numbers; nil where they are texts.
  private let shape: [Int]?
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

  /// Appends the value of another line.
  mutating func append(_ reader: inout ByteReader) throws(FormatError) {
    guard let shape else {
      guard reader.peek == UInt8(ascii: "\"") else {
        throw reader.malformed(
          found: reader.foundAhead, expected: "a text for \(FormatError.quoted(name))")
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
          found: start.foundAhead, expected: "a list, as the first in its place")
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
  func array(_ rows: Int) -> NamedArray? {
    guard let shape = shape.map({ Shape([rows] + $0) }) else { return nil }
    return NamedArray(
      name,
      isWhole
        ? StoredArray(numbers.map { Int64($0) }, shape: shape)
        : StoredArray(Tensor(shape, numbers)))
  }

  /// The texts; nil where these are numbers.
  var namedTexts: ItemTable.Texts? {
    shape == nil ? ItemTable.Texts(name: name, values: texts) : nil
  }
}

extension ByteReader {
  /// Steps over a number by the grammar of JSON, rounded to nearest.
  fileprivate mutating func plainNumber(_ isWhole: inout Bool) throws(FormatError) -> Double {
    let start = self
    let text = take {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "+-.eE".utf8.contains($0)
    }
    guard ByteReader.isNumber(text), let value = CSVScanner.number(text) else {
      throw start.malformed(
        found: text.isEmpty
          ? start.foundAhead : FormatError.quoted(String(decoding: text, as: UTF8.self)),
        expected: "a number, a list of numbers or a text")
    }
    if isWhole {
      isWhole = abs(value) < 0x1p53 && !text.contains { ".eE".utf8.contains($0) }
    }
    return value
  }

  /// Whether these digits, signs and points are a number: no leading zeros, digits around a point.
  private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
    let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    var rest = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
    let whole = rest.prefix(while: isDigit)
    guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else { return false }
    rest = rest[whole.endIndex...]
    if rest.first == UInt8(ascii: ".") {
      let fraction = rest.dropFirst().prefix(while: isDigit)
      guard !fraction.isEmpty else { return false }
      rest = rest[fraction.endIndex...]
    }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
        rest = rest.dropFirst()
      }
      let exponent = rest.prefix(while: isDigit)
      guard !exponent.isEmpty else { return false }
      rest = rest[exponent.endIndex...]
    }
    return rest.isEmpty
  }
}
