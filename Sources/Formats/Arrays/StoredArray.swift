public import TensorCore

/// An n-dimensional array as a file holds it: a shape, an element type, and elements that are read
/// when they are asked for.
public struct StoredArray: Sendable {
  /// The extents of the axes.
  public let shape: Shape
  /// The type of the elements in the file.
  public let elementType: ElementType
  /// Little-endian, row-major elements stand here from `offset` on.
  let source: ByteSource
  let offset: Int

  /// The part of a source that holds little-endian, row-major elements.
  ///
  /// - Throws: `FormatError` where the source is too short.
  init(
    _ shape: Shape, _ elementType: ElementType, in source: ByteSource, at offset: Int
  ) throws(FormatError) {
    self.init(shape: shape, elementType: elementType, source: source, offset: offset)
    let (size, overflow) = shape.count.multipliedReportingOverflow(by: elementType.byteCount)
    let available = source.count - offset
    guard !overflow, offset >= 0, size <= available else {
      throw source.malformed(
        at: .byte(offset), found: "\(available) bytes of elements",
        expected: overflow ? "more than there can be" : "\(size) for the shape \(shape)",
        remedy: "the file is cut short: copy or write it again")
    }
  }

  private init(shape: Shape, elementType: ElementType, source: ByteSource, offset: Int) {
    self.shape = shape
    self.elementType = elementType
    self.source = source
    self.offset = offset
  }

  /// The array of a tensor, to be written as 4 or 8 bytes an element.
  public init<Scalar: TensorScalar>(_ tensor: Tensor<Scalar>) {
    if let single = tensor as? Tensor<Float> {
      self.init(
        shape: tensor.shape, elementType: .float32, source: ByteSource(single.scalars), offset: 0)
    } else {
      let double = tensor.cast(to: Double.self)
      self.init(
        shape: tensor.shape, elementType: .float64, source: ByteSource(double.scalars), offset: 0)
    }
  }

  /// An array of integers, to be written as 8 bytes an element.
  ///
  /// - Precondition: `integers.count == shape.count`.
  public init(_ integers: [Int64], shape: Shape) {
    precondition(integers.count == shape.count, "\(integers.count) integers for \(shape)")
    self.init(shape: shape, elementType: .int64, source: ByteSource(integers), offset: 0)
  }

  /// The number of elements.
  public var count: Int { shape.count }
  /// The size of the elements in bytes.
  public var byteCount: Int { shape.count * elementType.byteCount }
}
