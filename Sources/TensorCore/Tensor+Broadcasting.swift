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
        let run = outer.removeInnermost()
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
