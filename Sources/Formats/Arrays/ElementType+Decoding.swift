/// What every stored element can become; `Float` and `Double` satisfy it as they are.
protocol DecodedScalar: BitwiseCopyable {
  init(_ value: UInt8)
  init(_ value: Int8)
  init(_ value: UInt16)
  init(_ value: Int16)
  init(_ value: UInt32)
  init(_ value: Int32)
  init(_ value: UInt64)
  init(_ value: Int64)
  init(_ value: Float)
  init(_ value: Double)
}

extension Float: DecodedScalar {}
extension Double: DecodedScalar {}

// The loops below run over whole buffers and are specialised for each pair of types here, in the
// module that calls them.
extension ElementType {
  /// Converts elements to `Float` or `Double`, rounding to nearest.
  ///
  /// - Precondition: `raw` has `output.count` elements of this type.
  func decode<Target: DecodedScalar>(
    _ raw: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Target>
  ) {
    switch self {
    case .bool: convert(raw, into: output) { (x: UInt8) in Target(x == 0 ? 0 as UInt8 : 1) }
    case .int8: convert(raw, into: output) { (x: Int8) in Target(x) }
    case .uint8: convert(raw, into: output) { (x: UInt8) in Target(x) }
    case .int16: convert(raw, into: output) { (x: Int16) in Target(x) }
    case .uint16: convert(raw, into: output) { (x: UInt16) in Target(x) }
    case .int32: convert(raw, into: output) { (x: Int32) in Target(x) }
    case .uint32: convert(raw, into: output) { (x: UInt32) in Target(x) }
    case .int64: convert(raw, into: output) { (x: Int64) in Target(x) }
    case .uint64: convert(raw, into: output) { (x: UInt64) in Target(x) }
    case .float16: convert(raw, into: output) { (x: UInt16) in Target(Float(half: x)) }
    case .bfloat16:
      convert(raw, into: output) { (x: UInt16) in Target(Float(bitPattern: UInt32(x) << 16)) }
    case .float32: convert(raw, into: output) { (x: Float) in Target(x) }
    case .float64: convert(raw, into: output) { (x: Double) in Target(x) }
    }
  }

  /// Converts elements of an integer type to `Int64`.
  ///
  /// - Returns: The first index that does not fit, nil where all do.
  /// - Precondition: `raw` has `output.count` elements of this type, which is not floating point.
  func decodeIntegers(
    _ raw: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Int64>
  ) -> Int? {
    switch self {
    case .bool: convert(raw, into: output) { (x: UInt8) in x == 0 ? 0 : 1 }
    case .int8: convert(raw, into: output) { (x: Int8) in Int64(x) }
    case .uint8: convert(raw, into: output) { (x: UInt8) in Int64(x) }
    case .int16: convert(raw, into: output) { (x: Int16) in Int64(x) }
    case .uint16: convert(raw, into: output) { (x: UInt16) in Int64(x) }
    case .int32: convert(raw, into: output) { (x: Int32) in Int64(x) }
    case .uint32: convert(raw, into: output) { (x: UInt32) in Int64(x) }
    case .int64: convert(raw, into: output) { (x: Int64) in x }
    case .uint64:
      // Too large a value turns negative here.
      convert(raw, into: output) { (x: UInt64) in Int64(bitPattern: x) }
      return output.firstIndex { $0 < 0 }
    case .float16, .bfloat16, .float32, .float64:
      preconditionFailure("\(self) is not an integer type")
    }
    return nil
  }
}

@inline(__always)
private func convert<Stored: BitwiseCopyable, Target>(
  _ raw: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Target>,
  _ function: (Stored) -> Target
) {
  precondition(raw.count == output.count * MemoryLayout<Stored>.size)
  guard let source = raw.baseAddress else { return }
  for index in 0..<output.count {
    output[index] = function(
      source.loadUnaligned(
        fromByteOffset: index &* MemoryLayout<Stored>.size, as: Stored.self))
  }
}

extension Float {
  /// The value of IEEE half-precision bits, exact; written with bits because not every platform
  /// has the type.
  @inline(__always)
  init(half bits: UInt16) {
    let magnitude = UInt32(bits & 0x7fff) << 13
    // Moving the exponent by 112 by a multiplication also turns subnormals into normal numbers.
    let scaled = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
    let value = magnitude >= 0x0f80_0000 ? magnitude | 0x7f80_0000 : scaled
    self.init(bitPattern: value | UInt32(bits & 0x8000) << 16)
  }
}
