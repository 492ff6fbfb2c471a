// Strict JSON, as much of it as the header of a safetensors file needs: objects, arrays of whole
// numbers, strings. The grammar of that header is fixed, so nothing here recurses.
extension ByteReader {
  /// Steps over white space.
  mutating func skipJSONSpace() {
    _ = take { $0 == 0x20 || $0 == 0x0a || $0 == 0x0d || $0 == 0x09 }
  }

  /// Steps over an object; `visit` steps over the value of each key.
  mutating func jsonObject(
    _ visit: (inout ByteReader, String) throws(FormatError) -> Void
  ) throws(FormatError) {
    try expect("{")
    skipJSONSpace()
    if skip("}") { return }
    while true {
      let key = try jsonString()
      skipJSONSpace()
      try expect(":")
      skipJSONSpace()
      try visit(&self, key)
      skipJSONSpace()
      if skip("}") { return }
      try expect(",")
      skipJSONSpace()
    }
  }

  /// Steps over an array of at most `limit` whole numbers.
  mutating func jsonIntegers(limit: Int, of what: String) throws(FormatError) -> [Int] {
    try expect("[")
    skipJSONSpace()
    if skip("]") { return [] }
    var values: [Int] = []
    while true {
      guard values.count < limit else {
        throw malformed(found: "more numbers", expected: "at most \(limit) of \(what)")
      }
      values.append(try decimal(of: what))
      skipJSONSpace()
      if skip("]") { return values }
      try expect(",")
      skipJSONSpace()
    }
  }

  /// Steps over a string.
  mutating func jsonString() throws(FormatError) -> String {
    let start = self
    try expect("\"")
    var text: [UInt8] = []
    while true {
      text += take { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
      if skip("\"") { break }
      guard skip("\\") else { throw malformed(found: foundAhead, expected: "the string's end") }
      try escape(into: &text)
    }
    guard let string = String(validating: text, as: UTF8.self) else {
      throw start.malformed(found: "a string that is not UTF-8", expected: "UTF-8")
    }
    return string
  }

  private mutating func escape(into text: inout [UInt8]) throws(FormatError) {
    let start = self
    let letters: [(StaticString, UInt8)] = [
      ("\"", 0x22), ("\\", 0x5c), ("/", 0x2f), ("b", 0x08), ("f", 0x0c), ("n", 0x0a), ("r", 0x0d),
      ("t", 0x09),
    ]
    for (letter, byte) in letters where skip(letter) {
      text.append(byte)
      return
    }
    try expect("u")
    var value = try hexadecimal()
    if 0xd800..<0xdc00 ~= value, skip("\\u") {
      let low = try hexadecimal()
      // Where no low half follows, the sum is of no use and refused below.
      value = 0xdc00..<0xe000 ~= low ? 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00) : value
    }
    guard let scalar = UnicodeScalar(value) else {
      throw start.malformed(found: "half a surrogate pair", expected: "a whole one")
    }
    text += Array(String(Character(scalar)).utf8)
  }

  private mutating func hexadecimal() throws(FormatError) -> UInt32 {
    let start = self
    let digits = String(decoding: try take(4, of: "an escape"), as: UTF8.self)
    guard digits.allSatisfy(\.isHexDigit), let value = UInt32(digits, radix: 16) else {
      throw start.malformed(found: FormatError.quoted(digits), expected: "four hexadecimal digits")
    }
    return value
  }
}
