extension ByteReader {
  /// What the next value is, for an error.
  var foundJSONAhead: String {
    var ahead = self
    switch peek {
    case UInt8(ascii: "{"): return "an object"
    case UInt8(ascii: "["): return "a list"
    case UInt8(ascii: "\""): return "a text"
    default: return ahead.skipJSONWord().map { "\($0)" } ?? foundAhead
    }
  }

  /// Steps over a word that is a value, and returns it; nil where none is ahead.
  mutating func skipJSONWord() -> StaticString? {
    let words: [StaticString] = ["true", "false", "null", "NaN", "Infinity", "-Infinity"]
    for word in words where skip(word) { return word }
    return nil
  }

  /// Steps over the characters that numbers are written with.
  mutating func jsonNumberText() -> ArraySlice<UInt8> {
    take { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "+-.eE".utf8.contains($0) }
  }

  /// Whether these digits, signs and points are a number: no leading zeros, digits around a point.
  static func isJSONNumber(_ text: ArraySlice<UInt8>) -> Bool {
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
