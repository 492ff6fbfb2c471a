#if _endian(big)
  #error("the readers and writers expect a little-endian machine")
#endif

/// The types of numbers that files hold.
public enum ElementType: String, CaseIterable, Sendable {
  /// The raw values are the names people read.
  case bool, int8, uint8, int16, uint16, int32, uint32, int64, uint64
  /// Floating point of 2, 2, 4 and 8 bytes.
  case float16, bfloat16, float32, float64

  /// The size of one element in bytes.
  public var byteCount: Int {
    switch self {
    case .bool, .int8, .uint8: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64: 8
    }
  }

  /// Whether the elements can have fractions.
  public var isFloatingPoint: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    default: false
    }
  }
}
