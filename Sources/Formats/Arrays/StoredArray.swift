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
  /// Where an element stands in the file, for errors.
  private(set) var places = Places.elements

  /// How a file orders its elements.
  enum Places: Equatable, Sendable {
    /// One after another.
    case elements
    /// In the lines of a table.
    case table(firstLine: Int, columns: Int)
    /// So many in each line.
    case lines(width: Int)

    /// The place of an element.
    subscript(_ index: Int) -> FormatError.Place {
      switch self {
      case .elements: .element(index)
      case .table(let first, let columns):
        .line(first + index / columns, column: index % columns + 1)
      case .lines(let width): .wholeLine(index / max(width, 1) + 1)
      }
    }
  }

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

  /// The same array, known to stand in a file.
  func inFile(_ name: String, _ places: Places) -> StoredArray {
    var array = StoredArray(
      shape: shape, elementType: elementType, source: source.part(0..<source.count, name: name),
      offset: offset)
    array.places = places
    return array
  }

  /// The array without its first row.
  ///
  /// - Precondition: There is one.
  package func droppingFirstRow() -> StoredArray {
    let rows = shape[0]
    var array = StoredArray(
      shape: Shape([rows - 1] + shape.extents.dropFirst()), elementType: elementType,
      source: source, offset: offset + byteCount / rows)
    if case .table(let first, let columns) = places {
      array.places = .table(firstLine: first + 1, columns: columns)
    }
    return array
  }

  /// The number of elements.
  public var count: Int { shape.count }
  /// The size of the elements in bytes.
  public var byteCount: Int { shape.count * elementType.byteCount }
}
