/// The array files of numpy (`numpy.save`), versions 1 to 3.
public enum NPY {
  /// The first bytes of every such file.
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// The longest header that is read, as in numpy.
  static let largestHeader = 10_000
  /// The most bytes before the elements: magic, version, length and header.
  static let largestStart = 12 + largestHeader

  /// What the header says.
  struct Header: Equatable {
    var elementType: ElementType
    var bigEndian: Bool
    var columnMajor: Bool
    var extents: [Int]
  }

  /// The code of a type without its byte order; nil where numpy has none.
  static func code(of type: ElementType) -> String? {
    switch type {
    case .bool: "b1"
    case .int8: "i1"
    case .uint8: "u1"
    case .int16: "i2"
    case .uint16: "u2"
    case .int32: "i4"
    case .uint32: "u4"
    case .int64: "i8"
    case .uint64: "u8"
    case .float16: "f2"
    case .bfloat16: nil
    case .float32: "f4"
    case .float64: "f8"
    }
  }
}

extension NPY {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "npy", extensions: ["npy"], summary: "one array, written by numpy.save",
    recognises: { source throws(FormatError) in try source.prefix(magic.count) == magic },
    read: { source throws(FormatError) in ItemTable(source, try read(source)) })
}
