import TensorCore

extension Safetensors {
  /// Reads the header of a file, or those of all files that an index names, a file with a name such
  /// as `model.safetensors.index.json`.
  ///
  /// - Throws: `FormatError`, naming the byte and the rule that it breaks.
  /// - Complexity: O(header); the arrays are read when they are asked for.
  public init(path: String) throws(FormatError) {
    let source = try ByteSource(path: path)
    if Safetensors.isIndex(path) { try self.init(index: source) } else { try self.init(source) }
  }

  /// Reads the header of a source.
  public init(_ source: ByteSource) throws(FormatError) {
    var prefix = ByteReader(try source.prefix(8), file: source.name)
    let declared = try prefix.integer(UInt64.self, .littleEndian, of: "header length")
    guard let length = Int(exactly: declared), length <= Safetensors.largestHeader,
      length <= source.count - 8
    else {
      throw source.malformed(
        at: .byte(0), found: "a header of \(declared) bytes",
        expected: "at most \(min(Safetensors.largestHeader, source.count - 8))",
        remedy: "the file is cut short or not a safetensors file")
    }
    var header = ByteReader(try source.bytes(length, at: 8), file: source.name, at: 8)
    var entries: [Entry] = []
    var metadata: [(name: String, text: String)] = []
    var names: Set<String> = []
    try header.jsonObject { reader, name throws(FormatError) in
      guard names.insert(name).inserted else {
        throw reader.malformed(
          found: "the name \(FormatError.quoted(name)) again", expected: "each name once")
      }
      if name == Safetensors.metadataName {
        metadata = try Safetensors.metadata(&reader)
      } else {
        entries.append(try Entry(name, &reader))
      }
    }
    _ = header.take { $0 == 0x20 }
    guard header.remaining == 0 else {
      throw header.malformed(found: header.foundAhead, expected: "spaces to the header's end")
    }
    let (arrays, unreadable) = try Safetensors.arrays(entries, in: source, from: 8 + length)
    self.init(arrays, unreadable: unreadable, metadata: metadata)
  }

  /// The arrays in the order of their bytes, which they fill without hole or overlap.
  private static func arrays(
    _ entries: [Entry], in source: ByteSource, from start: Int
  ) throws(FormatError) -> ([NamedArray], [ItemTable.Unreadable]) {
    let sorted = entries.sorted {
      ($0.begin, $0.end) == ($1.begin, $1.end)
        ? $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        : ($0.begin, $0.end) < ($1.begin, $1.end)
    }
    var arrays: [NamedArray] = []
    var unreadable: [ItemTable.Unreadable] = []
    arrays.reserveCapacity(sorted.count)
    var end = 0
    for entry in sorted {
      // How long elements of another type are is not known, so that their bytes are taken as said.
      let size =
        entry.type.map { entry.shape.count.multipliedReportingOverflow(by: $0.byteCount) }
        ?? (partialValue: max(entry.end - entry.begin, 0), overflow: false)
      guard entry.begin == end, entry.end >= entry.begin, !size.overflow,
        entry.end - entry.begin == size.partialValue
      else {
        throw source.malformed(
          at: .byte(entry.position),
          found: "\(FormatError.quoted(entry.name)) from \(entry.begin) to \(entry.end)",
          expected: size.overflow
            ? "a size below 2^63"
            : "\(size.partialValue) bytes from \(end) on, where the last ends",
          remedy: "write the file again with the safetensors library")
      }
      end = entry.end
      guard end <= source.count - start else { break }
      guard let type = entry.type else {
        unreadable.append(.init(entry.name, entry.unknownType(in: source)))
        continue
      }
      arrays.append(
        NamedArray(
          entry.name, try StoredArray(entry.shape, type, in: source, at: start + entry.begin)))
    }
    guard end == source.count - start else {
      throw source.malformed(
        at: .byte(start), found: "\(source.count - start) bytes of arrays", expected: "\(end)",
        remedy: "the file is cut short or has something after its end")
    }
    return (arrays, unreadable)
  }

  private static func metadata(
    _ reader: inout ByteReader
  ) throws(FormatError) -> [(name: String, text: String)] {
    var metadata: [(name: String, text: String)] = []
    var names: Set<String> = []
    try reader.jsonObject { reader, name throws(FormatError) in
      guard names.insert(name).inserted else {
        throw reader.malformed(
          found: "the name \(FormatError.quoted(name)) again", expected: "each name once")
      }
      metadata.append((name, try reader.jsonString()))
    }
    return metadata
  }

  /// What the header says of one array.
  private struct Entry {
    var name: String
    var position: Int
    /// Nil for one that is not read.
    var type: ElementType?
    private var typeName: String
    var shape: Shape
    var begin: Int
    var end: Int

    init(_ name: String, _ reader: inout ByteReader) throws(FormatError) {
      let start = reader
      var type: String?
      var extents: [Int]?
      var offsets: [Int]?
      try reader.jsonObject { reader, key throws(FormatError) in
        switch key {
        case "dtype" where type == nil: type = try reader.jsonString()
        case "shape" where extents == nil:
          extents = try reader.jsonIntegers(limit: Shape.largestRank, of: "extents")
        case "data_offsets" where offsets == nil:
          offsets = try reader.jsonIntegers(limit: 2, of: "offsets")
        default:
          throw reader.malformed(
            found: "the key \(FormatError.quoted(key))",
            expected: "the keys dtype, shape and data_offsets, once each")
        }
      }
      guard let type, let extents, let offsets, offsets.count == 2 else {
        throw start.malformed(
          found: "an incomplete entry \(FormatError.quoted(name))",
          expected: "the keys dtype, shape and data_offsets, the last with two numbers")
      }
      guard let shape = Shape(declared: extents) else {
        throw start.malformed(
          found: "the shape \(extents)", expected: "less than 2^63 elements")
      }
      self.name = name
      position = start.offset
      self.type = Safetensors.types.first { $0.name == type }?.type
      typeName = type
      self.shape = shape
      begin = offsets[0]
      end = offsets[1]
    }

    func unknownType(in source: ByteSource) -> FormatError {
      source.malformed(
        at: .byte(position),
        found: "the type \(FormatError.quoted(typeName)) of \(FormatError.quoted(name))",
        expected: "F64, F32, F16, BF16, I8 to I64, U8 to U64 or BOOL",
        remedy: "convert the array, for instance with tensor.float()")
    }
  }
}
