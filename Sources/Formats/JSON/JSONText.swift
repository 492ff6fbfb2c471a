/// A JSON value as the text that it was read from, decoded where it is asked for.
///
/// A tree of values takes many times the memory of its text. Of a document from elsewhere only what
/// is known is decoded, and the rest is stepped over.
package struct JSONText: Sendable {
  /// The most members of an object.
  private static let mostMembers = 4096
  /// The longest text that is decoded into a tree as a whole.
  private static let longestTree = 1 << 20

  /// Stands at the value's first byte.
  private let start: ByteReader
  /// The number of bytes of the value.
  package let count: Int

  /// Reads a document.
  ///
  /// - Throws: `FormatError`, naming the byte, for anything but one whole value.
  package init(_ source: ByteSource) throws(FormatError) {
    var reader = ByteReader(try source.bytes(source.count), file: source.name)
    reader.skipJSONSpace()
    self = try JSONText(&reader)
    reader.skipJSONSpace()
    guard reader.remaining == 0 else {
      throw reader.malformed(found: reader.foundAhead, expected: "the end of the file")
    }
  }

  /// Steps over a value.
  private init(_ reader: inout ByteReader) throws(FormatError) {
    start = reader
    try reader.skipJSONValue()
    count = reader.offset - start.offset
  }

  /// The value.
  ///
  /// - Throws: `FormatError` where it is longer than any that is read as a whole, or has a name
  ///   twice.
  package func value() throws(FormatError) -> JSONValue {
    guard count <= Self.longestTree || start.peek == UInt8(ascii: "\"") else {
      throw start.malformed(
        found: "a value of \(count) bytes", expected: "at most \(Self.longestTree)")
    }
    var reader = start
    return try reader.jsonValue(depth: 0)
  }

  /// The members of an object, no name twice; nil where this is none.
  package func members() throws(FormatError) -> [(name: String, value: JSONText)]? {
    guard start.peek == UInt8(ascii: "{") else { return nil }
    var (reader, names) = (start, Set<String>())
    var members: [(name: String, value: JSONText)] = []
    try reader.jsonObject { reader, name throws(FormatError) in
      guard names.insert(name).inserted else {
        throw reader.malformed(
          found: "the name \(FormatError.quoted(name)) again", expected: "each name once")
      }
      guard members.count < Self.mostMembers else {
        throw reader.malformed(
          found: "more members of an object", expected: "at most \(Self.mostMembers)")
      }
      members.append((name, try JSONText(&reader)))
    }
    return members
  }

  /// The number of elements of an array; nil where this is none.
  package func elementCount() throws(FormatError) -> Int? {
    guard start.peek == UInt8(ascii: "[") else { return nil }
    var (reader, count) = (start, 0)
    try reader.jsonElements { reader throws(FormatError) in
      try reader.skipJSONValue()
      count += 1
    }
    return count
  }

  /// Visits the elements of an array in order.
  ///
  /// - Precondition: This is one.
  package func forEachElement(
    _ visit: (JSONText) throws(FormatError) -> Void
  ) throws(FormatError) {
    var reader = start
    try reader.jsonElements { reader throws(FormatError) in
      try visit(JSONText(&reader))
    }
  }
}
