import TensorCore

/// The array files of the MNIST family, plain or compressed with gzip.
public enum IDX {
  /// The types by their byte in the header.
  static let types: [UInt8: ElementType] = [
    0x08: .uint8, 0x09: .int8, 0x0b: .int16, 0x0c: .int32, 0x0d: .float32, 0x0e: .float64,
  ]

  /// The most bytes that a compressed file may stand for; a larger one must be expanded first, and
  /// shows its size then.
  static let largestInflated = 1 << 30

  /// Reads an array file.
  ///
  /// - Throws: `FormatError` for anything but one whole array.
  public static func read(_ source: ByteSource) throws(FormatError) -> StoredArray {
    guard try source.prefix(2) == Inflater.gzipMagic else { return try array(in: source) }
    let content = try Inflater(source, .gzip)
    let start = try content.take(4)
    let dimensions = try content.take(4 * Int(start[3]))
    let header = try Header(start + dimensions, of: source)
    guard header.size / Inflater.largestRatio <= source.count else {
      throw source.malformed(
        found: "\(source.count) compressed bytes for the shape \(header.shape)",
        expected: "at least \(header.size / Inflater.largestRatio)", remedy: "compress it again")
    }
    guard header.size <= largestInflated else {
      throw source.malformed(
        found: "\(header.size) bytes when inflated", expected: "at most \(largestInflated)",
        remedy: "expand it with gzip -d and read the plain file")
    }
    let elements = try content.take(header.size)
    try content.finish()
    return try header.array(in: ByteSource(elements, name: source.name), at: 0)
  }

  private static func array(in source: ByteSource) throws(FormatError) -> StoredArray {
    let start = try source.bytes(4)
    let header = try Header(try source.bytes(4 + 4 * Int(start[3])), of: source)
    let offset = 4 + 4 * Int(start[3])
    let array = try header.array(in: source, at: offset)
    guard header.size == source.count - offset else {
      throw source.malformed(
        at: .byte(offset + header.size), found: "more bytes",
        expected: "the end of an array of shape \(header.shape)")
    }
    return array
  }

  /// What the first bytes say: two zeros, the type, the rank, the extents.
  private struct Header {
    let type: ElementType
    let shape: Shape
    /// The size of the elements in bytes.
    let size: Int

    init(_ bytes: [UInt8], of source: ByteSource) throws(FormatError) {
      var reader = ByteReader(bytes, file: source.name)
      let zeros = try reader.integer(UInt16.self, .bigEndian, of: "header")
      let code = try reader.integer(UInt8.self, .bigEndian, of: "type")
      guard zeros == 0, let type = IDX.types[code] else {
        throw source.malformed(
          at: .byte(0), found: "0x\(String(UInt32(zeros) << 8 | UInt32(code), radix: 16))",
          expected: "0x0000 and a type of 08, 09, 0b, 0c, 0d or 0e, the start of an IDX file")
      }
      var extents: [Int] = []
      for _ in 0..<(try reader.integer(UInt8.self, .bigEndian, of: "rank")) {
        extents.append(Int(try reader.integer(UInt32.self, .bigEndian, of: "extent")))
      }
      guard let shape = Shape(declared: extents),
        case let (size, overflow) = shape.count.multipliedReportingOverflow(by: type.byteCount),
        !overflow
      else {
        throw source.malformed(
          at: .byte(4), found: "the shape \(extents)",
          expected: "at most \(Shape.largestRank) axes and less than 2^63 bytes")
      }
      self.type = type
      self.shape = shape
      self.size = size
    }

    func array(in source: ByteSource, at offset: Int) throws(FormatError) -> StoredArray {
      try StoredArray(shape, type, in: source, at: offset, bigEndian: true, columnMajor: false)
    }
  }
}

extension IDX {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "idx", extensions: ["idx", "idx.gz", "ubyte", "ubyte.gz"],
    summary: "one array of the MNIST family, plain or compressed with gzip",
    recognises: { source throws(FormatError) in
      var start = try source.prefix(3)
      if start.starts(with: Inflater.gzipMagic) {
        // Of a damaged one it is for another reader to speak.
        start = (try? Inflater(source, .gzip).take(3)) ?? []
      }
      return start.count == 3 && start[0] == 0 && start[1] == 0 && types[start[2]] != nil
    },
    read: { source throws(FormatError) in ItemTable(source, try read(source)) })
}
