extension Tensor {
  /// The sum along one axis, which goes away, in the fixed order of the kernels.
  ///
  /// Negative axes count from the end.
  public func sum(axis: Int) -> Tensor { reduced(axis, Scalar.sum) }

  /// The mean along one axis, which goes away; NaN where its extent is 0.
  public func mean(axis: Int) -> Tensor { sum(axis: axis) / Scalar(shape[axis]) }

  /// The largest along one axis, which goes away; −∞ where its extent is 0, NaN where one is NaN.
  public func max(axis: Int) -> Tensor { reduced(axis, Scalar.maximum) }

  /// The sum of all elements.
  public func sum() -> Scalar { reshaped([count]).sum(axis: 0).scalars[0] }

  /// The mean of all elements; NaN of nothing.
  public func mean() -> Scalar { sum() / Scalar(count) }

  /// The largest element; −∞ of nothing, NaN where one is NaN.
  public func max() -> Scalar { reshaped([count]).max(axis: 0).scalars[0] }

  /// log Σ exp over the last axis, which goes away, without overflow.
  public func logSumExp() -> Tensor { overRows(to: shape.dropLast(), Scalar.logSumExp) }

  /// exp(x) / Σ exp(x) over the last axis, without overflow; each row sums to 1.
  public func softmax() -> Tensor { overRows(to: shape, Scalar.softmax) }

  private func overRows(
    to target: Shape,
    _ kernel: (Int, Int, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>) -> Void
  ) -> Tensor {
    precondition(shape.rank > 0, "a tensor of rank 0 has no last axis")
    return Tensor.filled(target) { result in
      withElements { x in kernel(shape.dropLast().count, shape[-1], x, result) }
    }
  }

  /// Each run along the axis is made contiguous, then reduced by the kernel.
  private func reduced(_ axis: Int, _ kernel: (Int, UnsafePointer<Scalar>) -> Scalar) -> Tensor {
    let axis = axis < 0 ? shape.rank + axis : axis
    precondition(axis >= 0 && axis < shape.rank, "\(shape) has no axis \(axis)")
    var order = Array(0..<shape.rank)
    order.append(order.remove(at: axis))
    let runs = axis == shape.rank - 1 ? self : transposed(order)
    let extent = shape[axis]
    let target = runs.shape.dropLast()
    return Tensor.filled(target) { result in
      runs.withElements { x in
        for run in 0..<target.count {
          (result + run).initialize(to: kernel(extent, x + run * extent))
        }
      }
    }
  }
}
