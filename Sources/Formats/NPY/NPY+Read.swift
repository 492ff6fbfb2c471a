import TensorCore

extension NPY {
  /// Reads an array file.
  ///
  /// - Throws: `FormatError` for anything but a whole file of one array of numbers or booleans.
  public static func read(_ source: ByteSource) throws(FormatError) -> StoredArray {
    let (header, offset) = try header(of: source)
    let shape = try header.shape(in: source)
    let array = try StoredArray(
      shape, header.elementType, in: source, at: offset, bigEndian: header.bigEndian,
      columnMajor: header.columnMajor)
    guard array.byteCount == source.count - offset else {
      throw source.malformed(
        at: .byte(offset + array.byteCount), found: "more bytes",
        expected: "the end of an array of shape \(shape)", remedy: "save one array in a file")
    }
    return array
  }

  /// The size that a whole file has by its first bytes, ``largestStart`` of them or all.
  static func byteCount(from start: ByteSource) throws(FormatError) -> Int {
    let (header, offset) = try header(of: start)
    let elements = try header.shape(in: start).count
    let (size, overflow) = elements.multipliedReportingOverflow(by: header.elementType.byteCount)
    let (sum, carry) = size.addingReportingOverflow(offset)
    return overflow || carry ? Int.max : sum
  }

  /// What the header says, and where the elements begin.
  private static func header(of source: ByteSource) throws(FormatError) -> (Header, Int) {
    var reader = ByteReader(try source.prefix(12), file: source.name)
    guard reader.remaining >= magic.count,
      try reader.take(magic.count, of: "magic").elementsEqual(magic)
    else {
      throw source.malformed(
        at: .byte(0), found: "other bytes", expected: "\\x93NUMPY, the start of a .npy file",
        remedy: "save it with numpy.save")
    }
    let version = try reader.take(2, of: "version")
    let length: Int
    switch version {
    case [1, 0]: length = Int(try reader.integer(UInt16.self, .littleEndian, of: "header length"))
    case [2, 0], [3, 0]:
      length = Int(try reader.integer(UInt32.self, .littleEndian, of: "header length"))
    default:
      throw source.malformed(
        at: .byte(6), found: "version \(version.map(String.init).joined(separator: "."))",
        expected: "version 1.0, 2.0 or 3.0", remedy: "save it with numpy.save")
    }
    guard length <= largestHeader else {
      throw reader.malformed(
        found: "a header of \(length) bytes", expected: "at most \(largestHeader)",
        remedy: "save a plain array of numbers")
    }
    let start = reader.offset
    var literal = ByteReader(
      try source.bytes(length, at: start), file: source.name, at: start)
    return (try Header(&literal), start + length)
  }
}

extension NPY.Header {
  /// The shape, where there can be such an array.
  fileprivate func shape(in source: ByteSource) throws(FormatError) -> Shape {
    guard let shape = Shape(declared: extents) else {
      throw source.malformed(
        found: "the shape \(extents)",
        expected: "at most \(Shape.largestRank) axes and 2^63 elements")
    }
    return shape
  }

  /// Parses the header, a Python dictionary with exactly three keys.
  init(_ reader: inout ByteReader) throws(FormatError) {
    var type: (ElementType, bigEndian: Bool)?
    var columnMajor: Bool?
    var extents: [Int]?
    reader.skipSpace()
    try reader.expect("{")
    reader.skipSpace()
    while !reader.skip("}") {
      let start = reader
      let key = try reader.pythonString()
      reader.skipSpace()
      try reader.expect(":")
      reader.skipSpace()
      switch key {
      case "descr" where type == nil: type = try NPY.Header.type(&reader)
      case "fortran_order" where columnMajor == nil: columnMajor = try reader.pythonBool()
      case "shape" where extents == nil: extents = try reader.pythonTuple()
      default:
        throw start.malformed(
          found: "the key \(FormatError.quoted(key))",
          expected: "the keys descr, fortran_order and shape, once each")
      }
      reader.skipSpace()
      if !reader.skip(",") {
        try reader.expect("}")
        break
      }
      reader.skipSpace()
    }
    guard let type, let columnMajor, let extents else {
      throw reader.malformed(
        found: "the end of the header", expected: "the keys descr, fortran_order and shape")
    }
    reader.skipSpace()
    guard reader.remaining == 0 else {
      throw reader.malformed(found: reader.foundAhead, expected: "spaces to the header's end")
    }
    self.init(
      elementType: type.0, bigEndian: type.bigEndian, columnMajor: columnMajor, extents: extents)
  }

  private static func type(
    _ reader: inout ByteReader
  ) throws(FormatError) -> (ElementType, bigEndian: Bool) {
    guard reader.peek != UInt8(ascii: "[") else {
      throw reader.malformed(
        found: "a structured type", expected: "a type of plain numbers",
        remedy: "save each field on its own")
    }
    let start = reader
    let code = try reader.pythonString()
    let type = ElementType.allCases.first { NPY.code(of: $0) == String(code.dropFirst()) }
    guard let order = code.first, let type,
      "<>".contains(order) || order == "|" && type.byteCount == 1
    else {
      let remedy =
        switch code {
        case _ where code.contains("O"):
          "it can run code when opened: save an array of numbers instead"
        case _ where code.dropFirst().first.map("US".contains) ?? false:
          "these are texts: number the classes, with numpy.unique(labels, return_inverse=True)[1]; "
            + "names of items go into JSON lines"
        case "<V2", "|V2":
          "these may be bfloat16, which numpy cannot name: save array.astype('float32')"
        default: "convert it first, for instance with array.astype('float32')"
        }
      throw start.malformed(
        found: "the type \(FormatError.quoted(code))",
        expected: "b1, i1 to i8, u1 to u8, f2, f4 or f8", remedy: remedy)
    }
    return (type, order == ">")
  }
}

extension ByteReader {
  fileprivate mutating func skipSpace() {
    _ = take { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
  }

  /// A string without escapes in single or double quotation marks.
  fileprivate mutating func pythonString() throws(FormatError) -> String {
    guard let quote = peek, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw malformed(found: foundAhead, expected: "a string")
    }
    _ = skip(quote)
    let text = take { $0 != quote && $0 != UInt8(ascii: "\\") && (0x20..<0x7f).contains($0) }
    guard skip(quote) else { throw malformed(found: foundAhead, expected: "the string's end") }
    return String(decoding: text, as: UTF8.self)
  }

  fileprivate mutating func pythonBool() throws(FormatError) -> Bool {
    if skip("True") { return true }
    if skip("False") { return false }
    throw malformed(found: foundAhead, expected: "True or False")
  }

  /// Whole numbers in parentheses; `(3)` without a comma is a number in Python and refused.
  fileprivate mutating func pythonTuple() throws(FormatError) -> [Int] {
    try expect("(")
    var values: [Int] = []
    skipSpace()
    while !skip(")") {
      values.append(try decimal(of: "extent"))
      _ = skip("L")  // The mark of a long integer, written by Python 2.
      skipSpace()
      if values.count > 1, skip(")") { break }
      try expect(",")
      skipSpace()
    }
    return values
  }
}
