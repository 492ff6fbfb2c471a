public import TensorCore

extension NPY {
  /// Writes an array file, whole or not at all.
  ///
  /// Equal arrays give equal bytes, those of numpy.
  ///
  /// - Throws: `FormatError` where the file cannot be written, or the elements are `bfloat16`, a type
  ///   that numpy does not have.
  public static func write(_ array: StoredArray, to path: String) throws(FormatError) {
    guard let header = header(of: array.elementType, array.shape) else {
      throw FormatError(
        .uncreatable, file: path, found: "elements of type bfloat16",
        expected: "a type that numpy has", remedy: "write a .safetensors file")
    }
    let file = try AtomicFile(path: path)
    try file.append(header)
    try array.forEachChunk { chunk throws(FormatError) in try file.append(chunk) }
    try file.commit()
  }

  /// Writes a tensor as 4 or 8 bytes an element.
  public static func write<Scalar: TensorScalar>(
    _ tensor: Tensor<Scalar>, to path: String
  ) throws(FormatError) {
    try write(StoredArray(tensor), to: path)
  }

  /// The bytes before the elements, a multiple of 64; nil for a type that numpy does not have.
  static func header(of type: ElementType, _ shape: Shape) -> [UInt8]? {
    guard let code = code(of: type) else { return nil }
    let order = type.byteCount == 1 ? "|" : "<"
    let tuple = shape.rank == 1 ? "(\(shape[0]),)" : "(\(shape.description.dropFirst().dropLast()))"
    var literal = "{'descr': '\(order)\(code)', 'fortran_order': False, 'shape': \(tuple), }"
    // numpy leaves room for the first extent to grow to 21 digits.
    if shape.rank > 0 {
      literal += String(repeating: " ", count: 21 - String(shape[0]).utf8.count)
    }
    let prefix = magic.count + 4
    let padding = 63 - (prefix + literal.utf8.count) % 64
    literal += String(repeating: " ", count: padding) + "\n"
    let length = literal.utf8.count
    precondition(length <= UInt16.max, "a shape of \(shape.rank) axes does not fit a header")
    return magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(literal.utf8)
  }
}
