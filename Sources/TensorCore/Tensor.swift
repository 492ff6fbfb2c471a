/// A dense row-major array of `Float` or `Double` with a shape.
///
/// A value: copies share storage until one is written.
public struct Tensor<Scalar: TensorScalar>: Equatable, Sendable {
  /// The extents of the axes.
  public private(set) var shape: Shape
  /// The elements, the last axis running fastest.
  public var scalars: [Scalar] {
    didSet { precondition(scalars.count == shape.count, "a tensor keeps its number of elements") }
  }

  /// A tensor of these elements.
  ///
  /// - Precondition: `scalars.count == shape.count`.
  public init(_ shape: Shape, _ scalars: [Scalar]) {
    precondition(
      scalars.count == shape.count, "\(scalars.count) elements do not fill the shape \(shape)")
    self.shape = shape
    self.scalars = scalars
  }

  /// A tensor of one repeated value.
  public init(_ shape: Shape, repeating value: Scalar = 0) {
    self.init(shape, [Scalar](repeating: value, count: shape.count))
  }

  /// A matrix from its rows, for examples and tests.
  public init(rows: [[Scalar]]) {
    self.init([rows.count, rows.first?.count ?? 0], rows.flatMap { $0 })
  }

  /// The number of elements.
  public var count: Int { shape.count }

  /// The element at one index per axis.
  public subscript(indices: Int...) -> Scalar {
    get { scalars[offset(indices)] }
    set { scalars[offset(indices)] = newValue }
  }

  private func offset(_ indices: [Int]) -> Int {
    precondition(indices.count == shape.rank, "\(indices.count) indices for the shape \(shape)")
    var offset = 0
    for (axis, index) in indices.enumerated() {
      precondition(
        index >= 0 && index < shape[axis], "index \(index) is outside axis \(axis) of \(shape)")
      offset = offset * shape[axis] + index
    }
    return offset
  }

  /// The same elements under another shape.
  ///
  /// - Precondition: Both shapes have the same number of elements.
  public func reshaped(_ shape: Shape) -> Tensor { Tensor(shape, scalars) }

  /// Row `index` of the outermost axis.
  public func row(_ index: Int) -> Tensor {
    let inner = Shape(Array(shape.extents.dropFirst()))
    return Tensor(inner, Array(scalars[index * inner.count..<(index + 1) * inner.count]))
  }

  /// The chosen rows of the outermost axis, in the order given, repeats allowed.
  public func gatheringRows(_ indices: some Collection<Int>) -> Tensor {
    let inner = Shape(Array(shape.extents.dropFirst()))
    var gathered: [Scalar] = []
    gathered.reserveCapacity(indices.count * inner.count)
    for index in indices {
      gathered.append(contentsOf: scalars[index * inner.count..<(index + 1) * inner.count])
    }
    return Tensor(Shape([indices.count]).appending(inner), gathered)
  }

  /// A tensor of another precision with the same values, rounded.
  public func cast<Other: TensorScalar>(to type: Other.Type = Other.self) -> Tensor<Other> {
    if let same = self as? Tensor<Other> { return same }
    return Tensor<Other>(shape, Scalar.cast(scalars))
  }

  /// Where the first NaN or infinity stands, nil where all elements are finite.
  ///
  /// - Complexity: one pass at the speed of memory.
  public var firstNonFinite: Int? {
    scalars.withUnsafeBufferPointer { Scalar.allFinite($0) }
      ? nil : scalars.firstIndex { !$0.isFinite }
  }
}
