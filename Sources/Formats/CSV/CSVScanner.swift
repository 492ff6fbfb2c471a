/// A cursor over the fields of a table.
struct CSVScanner {
  private let bytes: [UInt8]
  private let source: ByteSource
  private let delimiter: UInt8
  private var position = 0
  private(set) var line = 1
  private var lineStart = 0
  private var column = 1

  private enum End { case field, line }

  init(_ bytes: [UInt8], _ source: ByteSource, _ delimiter: UInt8) {
    self.bytes = bytes
    self.source = source
    self.delimiter = delimiter
  }

  /// Whether only blank lines are left.
  var isAtEnd: Bool {
    bytes[position...].first { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") } == nil
  }

  /// The names of the columns.
  mutating func header() throws(FormatError) -> [String] {
    guard !isAtEnd else {
      throw malformed(found: "an empty file", expected: "a line of column names")
    }
    var names: [String] = []
    var end = End.field
    while end == .field {
      column = names.count + 1
      guard names.count < CSV.mostColumns else {
        throw malformed(found: "more columns", expected: "at most \(CSV.mostColumns)")
      }
      let field: ArraySlice<UInt8>
      (field, end) = try next()
      guard let name = String(validating: field, as: UTF8.self), !field.contains(0) else {
        throw malformed(found: "bytes that are not text", expected: "UTF-8")
      }
      names.append(name)
    }
    if names.allSatisfy({ CSVScanner.number(Array($0.utf8)[...]) != nil }),
      !CSV.countsColumns(names)
    {
      throw malformed(
        at: .line(1, column: 1),
        found: "the number \(FormatError.quoted(names[0]))", expected: "a column name",
        remedy: "put a line of column names before it if it is data, or in its place if it numbers "
          + "the columns")
    }
    return names
  }

  /// Appends the numbers of a line.
  mutating func row(of count: Int, into values: inout [Double]) throws(FormatError) {
    for index in 1...count {
      column = index
      let place = place
      let (value, end) = try number()
      guard (end == .line) == (index == count) else {
        throw malformed(
          at: place,
          found: end == .line ? "the end of the line" : "another field after it",
          expected: "\(count) fields as in the first line")
      }
      values.append(value)
    }
  }

  /// Appends the numbers of a line, and the texts of some of its columns to theirs.
  mutating func row(
    of count: Int, texts columns: Set<Int>, into values: inout [Double], _ texts: inout [[String]]
  ) throws(FormatError) {
    for index in 0..<count {
      column = index + 1
      let place = place
      let end: End
      if columns.contains(index) {
        let field: ArraySlice<UInt8>
        (field, end) = try next()
        guard let text = String(validating: field, as: UTF8.self), !field.contains(0) else {
          throw malformed(at: place, found: "bytes that are not text", expected: "UTF-8")
        }
        texts[index].append(text)
      } else {
        let value: Double
        (value, end) = try number()
        values.append(value)
      }
      guard (end == .line) == (index == count - 1) else {
        throw malformed(
          at: place,
          found: end == .line ? "the end of the line" : "another field after it",
          expected: "\(count) fields as in the first line")
      }
    }
  }

  /// The next field as a number.
  private mutating func number() throws(FormatError) -> (Double, End) {
    let place = place
    let (field, end) = try next()
    guard let value = CSVScanner.number(field) else {
      let text = FormatError.quoted(String(decoding: field.prefix(100), as: UTF8.self))
      throw malformed(
        at: place, found: field.isEmpty ? "an empty field" : text, expected: "a number",
        remedy: remedy(for: field))
    }
    return (value, end)
  }

  /// What to do about a field that is no number.
  private func remedy(for field: ArraySlice<UInt8>) -> String {
    let text = String(decoding: field.prefix(100), as: UTF8.self)
    if ["", "-", "?", ".", "na", "n/a", "#n/a", "<na>", "null", "none"].contains(
      text.filter { $0 != " " }.lowercased())
    {
      return "fill it in, or leave the line out"
    }
    let other = text.first { ";\t|".contains($0) && $0.asciiValue != delimiter }
    return other == nil
      ? "" : "put commas between the fields, or tabulators in a file that ends in .tsv"
  }

  /// The next field without its quotation marks, and what ends it.
  private mutating func next() throws(FormatError) -> (ArraySlice<UInt8>, End) {
    if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quoted() }
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == delimiter || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { break }
      position += 1
    }
    let field = bytes[start..<position]
    return (field, try endOfField())
  }

  private mutating func quoted() throws(FormatError) -> (ArraySlice<UInt8>, End) {
    let place = place
    var field: [UInt8] = []
    position += 1
    while position < bytes.count, position - lineStart <= CSV.longestLine {
      let byte = bytes[position]
      position += 1
      if byte != UInt8(ascii: "\"") {
        field.append(byte)
        if byte == UInt8(ascii: "\n") { line += 1 }
      } else if position < bytes.count, bytes[position] == byte {
        field.append(byte)
        position += 1
      } else {
        return (field[...], try endOfField())
      }
    }
    throw malformed(
      at: place, found: "a quotation mark without its pair", expected: "another",
      remedy: "double a quotation mark inside a field")
  }

  private mutating func endOfField() throws(FormatError) -> End {
    guard position - lineStart <= CSV.longestLine else {
      throw malformed(found: "a longer line", expected: "at most \(CSV.longestLine) bytes")
    }
    guard position < bytes.count else { return .line }
    let byte = bytes[position]
    if byte == delimiter {
      position += 1
      return .field
    }
    guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
      throw malformed(
        found: "text after a quotation mark", expected: "the end of the field",
        remedy: "double a quotation mark inside a field")
    }
    position += 1
    if byte == UInt8(ascii: "\r"), position < bytes.count, bytes[position] == UInt8(ascii: "\n") {
      position += 1
    }
    line += 1
    lineStart = position
    return .line
  }

  private var place: FormatError.Place { .line(line, column: column) }

  private func malformed(
    at place: FormatError.Place? = nil, found: String, expected: String, remedy: String = ""
  ) -> FormatError {
    source.malformed(
      at: place ?? self.place, found: found, expected: expected, remedy: remedy)
  }
}
