/// A file of protobuf messages, taken apart field by field without being held in memory.
///
/// The position of every field is known, so that errors can name the byte, and what a file can make
/// the reader hold is bounded before it is held.
final class ProtobufFile {
  /// How a field's payload is stored.
  enum WireType: UInt64 {
    case varint = 0
    case eightBytes = 1
    case bytes = 2
    case fourBytes = 5
  }

  /// One field of a message.
  struct Field {
    /// The number that the schema gives it.
    let number: Int
    let wireType: WireType
    /// The field with its tag and length.
    let range: Range<Int>
    /// The content alone.
    let payload: Range<Int>
  }

  /// The most fields of a file; a weight has about five, an operator about twenty.
  static let mostFields = 1 << 21
  /// The most bytes of a file that are decoded as messages; elements in `raw_data` are not.
  static let mostDecoded = 1 << 26
  private static let windowSize = 1 << 16

  let source: ByteSource
  private var fieldCount = 0
  private var decodedCount = 0
  private var window: [UInt8] = []
  private var windowStart = 0

  init(_ source: ByteSource) { self.source = source }

  /// Visits the fields of the message that these bytes are.
  ///
  /// - Throws: `FormatError`, naming the byte, where they are no fields, or too many.
  func forEachField(
    in message: Range<Int>, _ visit: (Field) throws(FormatError) -> Void
  ) throws(FormatError) {
    var offset = message.lowerBound
    while offset < message.upperBound {
      let field = try field(at: offset, in: message)
      fieldCount += 1
      guard fieldCount <= ProtobufFile.mostFields else {
        throw source.malformed(
          at: .byte(offset), found: "more than \(ProtobufFile.mostFields) fields",
          expected: "fewer", remedy: "save arrays as raw_data, as the onnx package does")
      }
      try visit(field)
      offset = field.range.upperBound
    }
  }

  /// Copies parts of the file that are to be decoded.
  func bytes(_ ranges: [Range<Int>]) throws(FormatError) -> [UInt8] {
    let count = ranges.reduce(0) { $0 + $1.count }
    guard count <= ProtobufFile.mostDecoded - decodedCount else {
      throw source.malformed(
        at: .byte(ranges.first?.lowerBound ?? 0),
        found: "more than \(ProtobufFile.mostDecoded) bytes outside of raw_data",
        expected: "fewer", remedy: "save arrays as raw_data, as the onnx package does")
    }
    decodedCount += count
    var result: [UInt8] = []
    result.reserveCapacity(count)
    for range in ranges {
      if range.count <= ProtobufFile.windowSize {
        try load(range)
        let start = range.lowerBound - windowStart
        result += window[start..<start + range.count]
      } else {
        result += try source.bytes(range.count, at: range.lowerBound)
      }
    }
    return result
  }

  private func field(at start: Int, in message: Range<Int>) throws(FormatError) -> Field {
    var offset = start
    let tag = try varint(at: &offset, before: message.upperBound)
    guard tag >> 3 > 0, tag >> 3 < 1 << 29, let wireType = WireType(rawValue: tag & 7) else {
      throw source.malformed(
        at: .byte(start), found: "the tag \(tag)", expected: "a field of a protobuf message",
        remedy: ProtobufFile.remedy)
    }
    var size: UInt64
    switch wireType {
    case .varint:
      let first = offset
      _ = try varint(at: &offset, before: message.upperBound)
      size = UInt64(offset - first)
      offset = first
    case .eightBytes: size = 8
    case .fourBytes: size = 4
    case .bytes: size = try varint(at: &offset, before: message.upperBound)
    }
    guard size <= message.upperBound - offset else {
      throw source.malformed(
        at: .byte(start), found: "a field of \(size) bytes",
        expected: "at most \(message.upperBound - offset), to the end of what holds it",
        remedy: ProtobufFile.remedy)
    }
    let end = offset + Int(size)
    return Field(
      number: Int(tag >> 3), wireType: wireType, range: start..<end, payload: offset..<end)
  }

  /// Steps over a number of 7 bits a byte, the least significant first.
  private func varint(at offset: inout Int, before end: Int) throws(FormatError) -> UInt64 {
    let start = offset
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard offset < end else {
        throw source.malformed(
          at: .byte(start), found: "a number without an end", expected: "a field",
          remedy: ProtobufFile.remedy)
      }
      try load(offset..<offset + 1)
      let byte = window[offset - windowStart]
      offset += 1
      value |= UInt64(byte & 0x7f) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw source.malformed(
      at: .byte(start), found: "a number of more than 10 bytes", expected: "a field",
      remedy: ProtobufFile.remedy)
  }

  /// Brings a small range into the window.
  private func load(_ range: Range<Int>) throws(FormatError) {
    guard range.lowerBound < windowStart || range.upperBound > windowStart + window.count else {
      return
    }
    let size = min(ProtobufFile.windowSize, source.count - range.lowerBound)
    window = try source.bytes(size, at: range.lowerBound)
    windowStart = range.lowerBound
  }

  private static let remedy = "the file is cut short or not an ONNX file: copy or export it again"
}
