/// A type of elements as ONNX numbers it, and the field that holds them where `raw_data` does not.
struct ONNXElementType {
  /// Its name among the stored types.
  let element: ElementType
  /// The name of the field.
  let field: String

  /// The names of the types by their code.
  private static let names = [
    "undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "text", "bool",
    "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn",
    "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0",
    "uint2", "int2", "float6e2m3", "float6e3m2",
  ]

  /// What people call the type of this code.
  static func name(code: Int32) -> String {
    names.indices.contains(Int(code)) ? names[Int(code)] : "number \(code)"
  }

  /// Nil where no stored type is the same.
  init?(code: Int32) {
    switch code {
    case 1: (element, field) = (.float32, "float_data")
    case 2: (element, field) = (.uint8, "int32_data")
    case 3: (element, field) = (.int8, "int32_data")
    case 4: (element, field) = (.uint16, "int32_data")
    case 5: (element, field) = (.int16, "int32_data")
    case 6: (element, field) = (.int32, "int32_data")
    case 7: (element, field) = (.int64, "int64_data")
    case 9: (element, field) = (.bool, "int32_data")
    case 10: (element, field) = (.float16, "int32_data")
    case 11: (element, field) = (.float64, "double_data")
    case 12: (element, field) = (.uint32, "uint64_data")
    case 13: (element, field) = (.uint64, "uint64_data")
    case 16: (element, field) = (.bfloat16, "int32_data")
    default: return nil
    }
  }

  /// The number of elements in the field of this type.
  func count(in tensor: TensorProto) -> Int {
    switch element {
    case .float32: tensor.floatData.count
    case .float64: tensor.doubleData.count
    case .int64: tensor.int64Data.count
    case .uint32, .uint64: tensor.uint64Data.count
    default: tensor.int32Data.count
    }
  }

  /// The elements in the field of this type, nil where one does not fit the type.
  func elements(of tensor: TensorProto, name: String) -> ByteSource? {
    let bytes: [UInt8]?
    switch element {
    case .float32: return ByteSource(tensor.floatData, name: name)
    case .float64: return ByteSource(tensor.doubleData, name: name)
    case .int64: return ByteSource(tensor.int64Data, name: name)
    case .bool: bytes = tensor.int32Data.map { $0 == 0 ? 0 : 1 }
    case .int8: bytes = littleEndian(tensor.int32Data, as: Int8.self)
    case .uint8: bytes = littleEndian(tensor.int32Data, as: UInt8.self)
    case .int16: bytes = littleEndian(tensor.int32Data, as: Int16.self)
    // Two bytes of floating point stand there as whole numbers.
    case .uint16, .float16, .bfloat16: bytes = littleEndian(tensor.int32Data, as: UInt16.self)
    case .int32: bytes = littleEndian(tensor.int32Data, as: Int32.self)
    case .uint32: bytes = littleEndian(tensor.uint64Data, as: UInt32.self)
    case .uint64: bytes = littleEndian(tensor.uint64Data, as: UInt64.self)
    }
    return bytes.map { ByteSource($0, name: name) }
  }
}

extension TensorProto {
  /// The number of elements in the fields of all types.
  var typedElementCount: Int {
    floatData.count + doubleData.count + int32Data.count + int64Data.count + uint64Data.count
  }
}

/// The bytes of integers in another type, nil where one does not fit.
private func littleEndian<Stored: FixedWidthInteger>(
  _ values: [some FixedWidthInteger], as type: Stored.Type
) -> [UInt8]? {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(values.count * MemoryLayout<Stored>.size)
  for value in values {
    guard let stored = Stored(exactly: value) else { return nil }
    withUnsafeBytes(of: stored.littleEndian) { bytes.append(contentsOf: $0) }
  }
  return bytes
}
