extension Tensor {
  /// f(self, other) elementwise over the shape that both broadcast to.
  ///
  /// Axes are aligned at the last one; an axis of extent 1, or one that is not there, repeats.
  ///
  /// - Precondition: The shapes broadcast together.
  public func zip(_ function: BinaryFunction, _ other: Tensor) -> Tensor {
    guard let common = shape.broadcast(with: other.shape) else {
      preconditionFailure("\(function): the shapes \(shape) and \(other.shape) do not broadcast")
    }
    return Tensor.filled(common) { result in
      withElements(of: other) { a, b in
        var outer = StridedLoops(broadcasting: shape, other.shape, to: common)
        let run: StridedLoops.Axis = outer.axes.isEmpty ? (1, 1, 1) : outer.axes.removeFirst()
        var written = 0
        outer.forEach { offsetA, offsetB in
          Scalar.zip(
            function, run.extent, a + offsetA, run.strideA == 1, b + offsetB, run.strideB == 1,
            result + written)
          written += run.extent
        }
      }
    }
  }
}

extension StridedLoops {
  /// The loops over two operands that repeat along their axes of extent 1.
  ///
  /// Neighbouring axes that both operands walk in one stride are merged: the innermost loop, whose
  /// strides are 0 or 1, is as long as it can be.
  ///
  /// - Precondition: `common` is the shape that both broadcast to and has elements.
  fileprivate init(broadcasting a: Shape, _ b: Shape, to common: Shape) {
    axes = []
    var strideA = 1, strideB = 1
    for axis in stride(from: -1, through: -common.rank, by: -1) where common[axis] != 1 {
      let extentA = -axis <= a.rank ? a[axis] : 1
      let extentB = -axis <= b.rank ? b[axis] : 1
      let next = (
        extent: common[axis], strideA: extentA == 1 ? 0 : strideA,
        strideB: extentB == 1 ? 0 : strideB
      )
      strideA *= extentA
      strideB *= extentB
      if let last = axes.last, last.extent * last.strideA == next.strideA,
        last.extent * last.strideB == next.strideB
      {
        axes[axes.count - 1].extent *= next.extent
      } else {
        axes.append(next)
      }
    }
  }
}
