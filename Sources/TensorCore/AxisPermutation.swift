/// The copy of a row-major array with its axes in another order.
package struct AxisPermutation: Sendable {
  private let loops: StridedLoops
  /// The slab that the loops move: rows and columns with their strides; one row where the innermost
  /// axis stays innermost.
  private let rows: Int
  private let columns: Int
  private let rowStride: Int
  private let columnStride: Int
  private let keepsInnermost: Bool

  /// Axis i of the result is axis `order[i]` of the shape.
  ///
  /// The axis that is contiguous in the array and the one that is contiguous in the result span a
  /// slab for the transpose kernel; where they are the same, the slab is one run.
  ///
  /// - Precondition: `order` is a permutation of 0 ..< rank.
  package init(_ order: [Int], of shape: Shape) {
    let strides = shape.strides
    let target = Shape(order.map { shape[$0] })
    var targetStrides = strides
    for (axis, stride) in zip(order, target.strides) { targetStrides[axis] = stride }
    let inner = max(shape.rank - 1, 0)
    let innerOfTarget = order.last ?? 0
    keepsInnermost = inner == innerOfTarget
    columns = shape.rank == 0 ? 1 : shape[inner]
    rows = keepsInnermost ? 1 : shape[innerOfTarget]
    rowStride = keepsInnermost ? 0 : strides[innerOfTarget]
    columnStride = keepsInnermost ? 0 : targetStrides[inner]
    loops = StridedLoops(
      axes: order.reversed().filter { $0 != inner && $0 != innerOfTarget }.map {
        (shape[$0], strides[$0], targetStrides[$0])
      })
  }

  /// Copies x, which holds the shape's elements, to y, which has room for them.
  package func copy<Scalar: TensorScalar>(
    _ x: UnsafePointer<Scalar>, to y: UnsafeMutablePointer<Scalar>
  ) {
    loops.forEach { from, to in
      if keepsInnermost {
        (y + to).update(from: x + from, count: columns)
      } else {
        Scalar.transpose(rows, columns, x + from, rowStride, y + to, columnStride)
      }
    }
  }
}
