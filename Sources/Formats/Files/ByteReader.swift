/// A cursor over the bytes of a header: every step is checked, every error knows its byte.
public struct ByteReader: Sendable {
  /// How an integer's bytes are ordered.
  public enum ByteOrder: Sendable { case littleEndian, bigEndian }

  /// What errors call the file.
  public let file: String
  private let bytes: [UInt8]
  private let base: Int
  private var position = 0

  /// A cursor at the first of these bytes, which stand at offset `base` of the file.
  public init(_ bytes: [UInt8], file: String, at base: Int = 0) {
    self.bytes = bytes
    self.file = file
    self.base = base
  }

  /// Where the cursor stands, in bytes from the start of the file.
  public var offset: Int { base + position }
  /// The number of bytes ahead of the cursor.
  public var remaining: Int { bytes.count - position }
  /// The byte ahead of the cursor, nil at the end.
  public var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Steps over `count` bytes and returns them.
  public mutating func take(_ count: Int, of what: String) throws(FormatError) -> ArraySlice<UInt8>
  {
    guard count >= 0, count <= remaining else {
      throw malformed(
        found: "\(remaining) bytes before the end", expected: "\(count) bytes of \(what)",
        remedy: "the file is cut short: copy or write it again")
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// Steps over an integer.
  public mutating func integer<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self, _ order: ByteOrder, of what: String
  ) throws(FormatError) -> Value {
    let slice = try take(Value.bitWidth / 8, of: what)
    var value: Value = 0
    switch order {
    case .bigEndian: for byte in slice { value = value << 8 | Value(truncatingIfNeeded: byte) }
    case .littleEndian:
      for byte in slice.reversed() { value = value << 8 | Value(truncatingIfNeeded: byte) }
    }
    return value
  }

  /// The bytes between an earlier place of the cursor and this one.
  func bytes(from start: ByteReader) -> ArraySlice<UInt8> { bytes[start.position..<position] }

  /// Steps over this byte if it is ahead.
  public mutating func skip(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position += 1
    return true
  }

  /// Steps over these ASCII characters if they are ahead.
  public mutating func skip(_ text: StaticString) -> Bool {
    guard text.withUTF8Buffer({ bytes[position...].starts(with: $0) }) else { return false }
    position += text.utf8CodeUnitCount
    return true
  }

  /// Steps over these ASCII characters, which must be ahead.
  public mutating func expect(_ text: StaticString) throws(FormatError) {
    guard skip(text) else { throw malformed(found: foundAhead, expected: "`\(text)`") }
  }

  /// Steps over bytes for as long as they satisfy the condition, and returns them.
  public mutating func take(while condition: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    let start = position
    while position < bytes.count, condition(bytes[position]) { position += 1 }
    return bytes[start..<position]
  }

  /// Steps over a whole number in decimal digits: no sign, no leading zeros, no overflow.
  public mutating func decimal(of what: String) throws(FormatError) -> Int {
    let start = self
    let digits = take { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard let first = digits.first else {
      throw start.malformed(found: foundAhead, expected: "\(what), a whole number")
    }
    var value = 0
    for digit in digits {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
      guard !overflow, !carry else {
        throw start.malformed(
          found: FormatError.quoted(String(decoding: digits, as: UTF8.self)),
          expected: "\(what) below 2^63")
      }
      value = sum
    }
    guard digits.count == 1 || first != UInt8(ascii: "0") else {
      throw start.malformed(found: "a leading zero", expected: "\(what), a whole number")
    }
    return value
  }

  /// What the next bytes are, for an error.
  public var foundAhead: String {
    guard let byte = peek else { return "the end" }
    return (0x20..<0x7f).contains(byte)
      ? "`\(UnicodeScalar(byte))`" : "the byte 0x\(String(byte, radix: 16))"
  }

  /// The error for content at fault where the cursor stands.
  public func malformed(found: String, expected: String, remedy: String = "") -> FormatError {
    FormatError(
      .malformed, file: file, at: .byte(offset), found: found, expected: expected, remedy: remedy)
  }
}
