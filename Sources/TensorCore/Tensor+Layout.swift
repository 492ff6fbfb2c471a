extension Tensor {
  /// The axes in another order: axis i of the result is axis `order[i]` of this tensor.
  ///
  /// - Precondition: `order` is a permutation of 0 ..< rank.
  public func transposed(_ order: [Int]) -> Tensor {
    let identity = Array(0..<shape.rank)
    precondition(order.sorted() == identity, "\(order) does not permute the axes of \(shape)")
    let target = Shape(order.map { shape[$0] })
    guard count > 0, order != identity else { return reshaped(target) }

    let permutation = AxisPermutation(order, of: shape)
    return Tensor.filled(target) { result in
      withElements { x in permutation.copy(x, to: result) }
    }
  }

  /// The transpose of a matrix.
  ///
  /// - Precondition: The rank is 2.
  public func transposed() -> Tensor { transposed([1, 0]) }

  /// Adds rows to chosen rows of the outermost axis, in the order given, repeats adding up.
  ///
  /// The adjoint of ``gatheringRows(_:)``.
  ///
  /// - Precondition: `rows` is `[indices.count]` followed by this shape without its outermost axis,
  ///   and each index names a row.
  public mutating func addRows(_ rows: Tensor, at indices: [Int]) {
    let inner = shape.suffix(shape.rank - 1)
    precondition(
      rows.shape == Shape([indices.count]).appending(inner),
      "adding rows of shape \(rows.shape) at \(indices.count) places of \(shape)")
    let extent = shape[0]
    withMutableElements { y in
      rows.withElements { x in
        for (row, index) in indices.enumerated() {
          precondition(index >= 0 && index < extent, "row \(index) of \(extent)")
          Scalar.axpy(inner.count, 1, x + row * inner.count, y + index * inner.count)
        }
      }
    }
  }
}
