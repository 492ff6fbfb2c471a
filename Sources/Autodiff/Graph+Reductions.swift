import TensorCore

/// Means, extremes and where they stand, over axes counted from the end.
extension Graph {
  /// The mean over some axes.
  public mutating func mean(_ x: NodeID, axes: [Int], keepsAxes: Bool = false) -> NodeID {
    let count = axes.reduce(1) { $0 * shape(x)[$1] }
    return affine(
      sum(x, axes: axes, keepsAxes: keepsAxes), scale: 1 / Double(max(count, 1)), offset: 0)
  }

  /// The largest element over some axes, NaN where one is NaN.
  ///
  /// Its derivative goes to the first of equal elements.
  ///
  /// - Throws: ``GraphError`` where there is no element.
  public mutating func maximum(
    _ x: NodeID, axes: [Int], keepsAxes: Bool = false
  ) throws(GraphError) -> NodeID {
    if axes.isEmpty { return x }
    let row = axesLast(x, axes)
    let flat = reshape(row, from: shape(row).suffix(1), to: [1, shape(row)[-1]])
    let largest = try adding(MaxPool(Self.rowWindow(shape(row)[-1])), [flat])
    return reshape(largest, to: reduced(shape(x), axes, keepsAxes))
  }

  /// The smallest element over some axes, NaN where one is NaN.
  ///
  /// Its derivative goes to the first of equal elements.
  ///
  /// - Throws: ``GraphError`` where there is no element.
  public mutating func minimum(
    _ x: NodeID, axes: [Int], keepsAxes: Bool = false
  ) throws(GraphError) -> NodeID {
    if axes.isEmpty { return x }
    return negate(try maximum(negate(x), axes: axes, keepsAxes: keepsAxes))
  }

  /// Where the first largest element along an axis stands, as a whole number.
  ///
  /// - Throws: ``GraphError`` where there is no element.
  public mutating func maximumPlace(
    _ x: NodeID, axis: Int, keepsAxis: Bool = false
  ) throws(GraphError) -> NodeID {
    let row = axesLast(x, [axis])
    let count = shape(row)[-1]
    let flat = reshape(row, from: [count], to: [1, count])
    let places = literal((0..<count).map(Double.init), [1, count])
    let everywhere = broadcast(places, from: [1, count], to: shape(flat))
    let place = try adding(WindowSelect(Self.rowWindow(count)), [flat, everywhere])
    return reshape(place, to: reduced(shape(x), [axis], keepsAxis))
  }

  /// x `[…]` with some axes brought to the end, in their order, and made one.
  public mutating func axesLast(_ x: NodeID, _ axes: [Int]) -> NodeID {
    let shape = shape(x)
    let last = Set(axes.map { shape.rank + $0 })
    let order = shape.extents.indices.filter { !last.contains($0) } + last.sorted()
    let moved = transpose(x, order)
    let row = self.shape(moved).suffix(last.count)
    return reshape(moved, from: row, to: [row.count])
  }

  /// One window over a whole row.
  private static func rowWindow(_ count: Int) -> Windows {
    Windows(WindowAxis(extent: 1, size: 1), WindowAxis(extent: count, size: count))
  }

  /// A shape without some axes, or with ones in their places.
  private func reduced(_ shape: Shape, _ axes: [Int], _ keepsAxes: Bool) -> Shape {
    let all = shape.extents.enumerated().map { ($0.element, axes.contains($0.offset - shape.rank)) }
    return Shape(
      keepsAxes ? all.map { $0.1 ? 1 : $0.0 } : all.filter { !$0.1 }.map { $0.0 })
  }
}
