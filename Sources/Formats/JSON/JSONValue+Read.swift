extension JSONValue {
  /// How deep values may stand inside each other.
  static let deepest = 64

  /// The most bytes of a file that becomes a tree as a whole: a tree takes many times as many.
  static let largestFile = 16 << 20

  /// Reads a document.
  ///
  /// - Throws: `FormatError`, naming the byte, for anything but one whole value, or where an object
  ///   has a name twice.
  public init(_ source: ByteSource) throws(FormatError) {
    var reader = ByteReader(try source.bytes(source.count), file: source.name)
    reader.skipJSONSpace()
    self = try reader.jsonValue(depth: 0)
    reader.skipJSONSpace()
    guard reader.remaining == 0 else {
      throw reader.malformed(found: reader.foundAhead, expected: "the end of the file")
    }
  }

  /// Reads the document in a file of at most 16 MiB.
  public init(path: String) throws(FormatError) { try self.init(file: ByteSource(path: path)) }

  /// Reads the document in a file that is not too long for a tree.
  init(file: ByteSource) throws(FormatError) {
    guard file.count <= Self.largestFile else {
      throw file.malformed(found: "\(file.count) bytes", expected: "at most \(Self.largestFile)")
    }
    try self.init(file)
  }
}

extension ByteReader {
  /// Steps over a value that is not kept, checking it as one that is; names may be there twice, and
  /// `NaN` and the infinities, which Python writes, are values too.
  mutating func skipJSONValue(depth: Int = 0) throws(FormatError) {
    try requireShallow(depth)
    switch peek {
    case UInt8(ascii: "{"):
      try jsonObject { reader, _ throws(FormatError) in try reader.skipJSONValue(depth: depth + 1) }
    case UInt8(ascii: "["):
      try jsonElements { reader throws(FormatError) in try reader.skipJSONValue(depth: depth + 1) }
    case UInt8(ascii: "\""): _ = try jsonString()
    default:
      let start = self
      guard skipJSONWord() != nil || ByteReader.isJSONNumber(jsonNumberText()) else {
        throw start.malformed(found: start.foundAhead, expected: "a value")
      }
    }
  }

  /// Steps over an array; `visit` steps over each element.
  mutating func jsonElements(
    _ visit: (inout ByteReader) throws(FormatError) -> Void
  ) throws(FormatError) {
    try expect("[")
    skipJSONSpace()
    if skip("]") { return }
    while true {
      try visit(&self)
      skipJSONSpace()
      if skip("]") { return }
      try expect(",")
      skipJSONSpace()
    }
  }

  private func requireShallow(_ depth: Int) throws(FormatError) {
    guard depth < JSONValue.deepest else {
      throw malformed(found: "more nesting", expected: "at most \(JSONValue.deepest) levels")
    }
  }

  mutating func jsonValue(depth: Int) throws(FormatError) -> JSONValue {
    try requireShallow(depth)
    switch peek {
    case UInt8(ascii: "{"): return try jsonMembers(depth: depth)
    case UInt8(ascii: "["): return try jsonArray(depth: depth)
    case UInt8(ascii: "\""): return .string(try jsonString())
    case UInt8(ascii: "t"):
      try expect("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try expect("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try expect("null")
      return .null
    default: return try jsonNumber()
    }
  }

  private mutating func jsonMembers(depth: Int) throws(FormatError) -> JSONValue {
    var members: [JSONValue.Member] = []
    var names: Set<String> = []
    try jsonObject { reader, name throws(FormatError) in
      guard names.insert(name).inserted else {
        throw reader.malformed(
          found: "the name \(FormatError.quoted(name)) again", expected: "each name once")
      }
      members.append(JSONValue.Member(name, try reader.jsonValue(depth: depth + 1)))
    }
    return .object(members)
  }

  private mutating func jsonArray(depth: Int) throws(FormatError) -> JSONValue {
    var values: [JSONValue] = []
    try jsonElements { reader throws(FormatError) in
      values.append(try reader.jsonValue(depth: depth + 1))
    }
    return .array(values)
  }

  private mutating func jsonNumber() throws(FormatError) -> JSONValue {
    .number(literal: String(decoding: try skipJSONNumber(), as: UTF8.self))
  }

  /// Steps over a number by the grammar: no leading zeros, no bare point, no plus sign in front.
  fileprivate mutating func skipJSONNumber() throws(FormatError) -> ArraySlice<UInt8> {
    let start = self
    _ = skip("-")
    let whole = digits()
    guard let first = whole.first, whole.count == 1 || first != UInt8(ascii: "0") else {
      throw start.malformed(found: start.foundAhead, expected: "a value")
    }
    if skip(".") { try requireDigits() }
    if skip("e") || skip("E") {
      _ = skip("-") || skip("+")
      try requireDigits()
    }
    return bytes(from: start)
  }

  private mutating func requireDigits() throws(FormatError) {
    guard !digits().isEmpty else { throw malformed(found: foundAhead, expected: "a digit") }
  }

  private mutating func digits() -> ArraySlice<UInt8> {
    take { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}
