extension JSONValue {
  /// How deep values may stand inside each other.
  static let deepest = 64

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

  /// Reads the document in a file.
  public init(path: String) throws(FormatError) { try self.init(ByteSource(path: path)) }
}

extension ByteReader {
  fileprivate mutating func jsonValue(depth: Int) throws(FormatError) -> JSONValue {
    guard depth < JSONValue.deepest else {
      throw malformed(found: "more nesting", expected: "at most \(JSONValue.deepest) levels")
    }
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
    try expect("[")
    skipJSONSpace()
    var values: [JSONValue] = []
    if skip("]") { return .array([]) }
    while true {
      values.append(try jsonValue(depth: depth + 1))
      skipJSONSpace()
      if skip("]") { return .array(values) }
      try expect(",")
      skipJSONSpace()
    }
  }

  /// A number by the grammar: no leading zeros, no bare point, no plus sign in front.
  private mutating func jsonNumber() throws(FormatError) -> JSONValue {
    let start = self
    var literal = skip("-") ? "-" : ""
    let whole = digits()
    literal += whole
    guard !whole.isEmpty, whole.utf8.count == 1 || !whole.hasPrefix("0") else {
      throw start.malformed(found: start.foundAhead, expected: "a value")
    }
    if skip(".") {
      let fraction = digits()
      guard !fraction.isEmpty else { throw malformed(found: foundAhead, expected: "a digit") }
      literal += "." + fraction
    }
    if skip("e") || skip("E") {
      let sign = skip("-") ? "-" : skip("+") ? "+" : ""
      let exponent = digits()
      guard !exponent.isEmpty else { throw malformed(found: foundAhead, expected: "a digit") }
      literal += "e" + sign + exponent
    }
    return .number(literal: literal)
  }

  private mutating func digits() -> String {
    String(decoding: take { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }, as: UTF8.self)
  }
}
