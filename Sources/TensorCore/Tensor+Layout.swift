extension Tensor {
  /// The axes in another order: axis i of the result is axis `order[i]` of this tensor.
  ///
  /// - Precondition: `order` is a permutation of 0 ..< rank.
  public func transposed(_ order: [Int]) -> Tensor {
    let identity = Array(0..<shape.rank)
    precondition(order.sorted() == identity, "\(order) does not permute the axes of \(shape)")
    let target = Shape(order.map { shape[$0] })
    guard count > 0, order != identity else { return reshaped(target) }

    // The axis that is contiguous here and the one that is contiguous in the result span a slab
    // for the transpose kernel; where they are the same, the slab is one run.
    let strides = shape.strides
    var targetStrides = strides
    for (axis, stride) in Swift.zip(order, target.strides) { targetStrides[axis] = stride }
    let inner = shape.rank - 1, innerOfTarget = order[shape.rank - 1]
    let loops = StridedLoops(
      axes: order.reversed().filter { $0 != inner && $0 != innerOfTarget }.map {
        (shape[$0], strides[$0], targetStrides[$0])
      })
    return Tensor.filled(target) { result in
      withElements { x in
        loops.forEach { from, to in
          if inner == innerOfTarget {
            (result + to).initialize(from: x + from, count: shape[inner])
          } else {
            Scalar.transpose(
              shape[innerOfTarget], shape[inner], x + from, strides[innerOfTarget], result + to,
              targetStrides[inner])
          }
        }
      }
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

/// Nested loops over two operands, each with its own stride per axis.
struct StridedLoops {
  typealias Axis = (extent: Int, strideA: Int, strideB: Int)
  /// The axes, innermost first; no extent is 0.
  var axes: [Axis]

  /// Calls `body` with both offsets of each index, the innermost axis running fastest.
  func forEach(_ body: (_ offsetA: Int, _ offsetB: Int) -> Void) {
    var indices = [Int](repeating: 0, count: axes.count)
    var a = 0, b = 0
    while true {
      body(a, b)
      var level = 0
      while level < axes.count {
        let axis = axes[level]
        indices[level] += 1
        a += axis.strideA
        b += axis.strideB
        if indices[level] < axis.extent { break }
        indices[level] = 0
        a -= axis.extent * axis.strideA
        b -= axis.extent * axis.strideB
        level += 1
      }
      if level == axes.count { return }
    }
  }
}
