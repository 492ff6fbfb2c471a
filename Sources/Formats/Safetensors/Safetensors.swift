/// Named arrays and a few words about them, as a `.safetensors` file holds them.
///
/// Reading follows the format's rules strictly: no hole, no overlap, no byte unaccounted for, no
/// name twice. Nothing is read of an array before it is asked for.
public struct Safetensors: Sendable {
  /// The arrays, in the order of their bytes in the file.
  public let arrays: [NamedArray]
  /// The arrays of types that are not read, such as numbers of eight bits with a point.
  let unreadable: [ItemTable.Unreadable]
  /// Free text under names, sorted by name.
  public let metadata: [(name: String, text: String)]
  private let positions: [String: Int]

  /// Arrays and metadata to be written.
  ///
  /// - Precondition: No name occurs twice.
  public init(_ arrays: [NamedArray], metadata: [(name: String, text: String)] = []) {
    self.init(arrays, unreadable: [], metadata: metadata)
  }

  init(
    _ arrays: [NamedArray], unreadable: [ItemTable.Unreadable],
    metadata: [(name: String, text: String)] = []
  ) {
    self.arrays = arrays
    self.unreadable = unreadable
    self.metadata = metadata.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    positions = Dictionary(
      uniqueKeysWithValues: arrays.enumerated().map { ($0.element.name, $0.offset) })
  }

  /// The array of this name, nil where there is none.
  public subscript(name: String) -> StoredArray? { positions[name].map { arrays[$0].array } }

  /// The longest header that is read, as in the reference implementation.
  static let largestHeader = 100_000_000
  /// The name under which the metadata stand.
  static let metadataName = "__metadata__"

  /// The types in the order in which their arrays are written: wide ones first, so that every
  /// element is aligned.
  static let types: [(name: String, type: ElementType)] = [
    ("U64", .uint64), ("I64", .int64), ("F64", .float64), ("F32", .float32), ("U32", .uint32),
    ("I32", .int32), ("BF16", .bfloat16), ("F16", .float16), ("U16", .uint16), ("I16", .int16),
    ("I8", .int8), ("U8", .uint8), ("BOOL", .bool),
  ]
}

extension Safetensors {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "safetensors", extensions: ["safetensors", indexExtension],
    summary: "named arrays, written by the safetensors library, in one file or several",
    recognises: { source throws(FormatError) in
      // The length of the header, then the header's first character.
      let start = try source.prefix(9)
      guard start.count == 9, start[8] == UInt8(ascii: "{") else { return false }
      return start[4..<8].allSatisfy { $0 == 0 }
    },
    read: { source throws(FormatError) in
      let file = try isIndex(source.name) ? Safetensors(index: source) : Safetensors(source)
      return ItemTable(source.name, file.arrays, unreadable: file.unreadable)
    })
}
