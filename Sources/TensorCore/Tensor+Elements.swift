// Contiguous memory for the kernels. Of an empty tensor the pointer leads to nothing to be read.

extension Tensor {
  /// Calls `body` with the elements.
  func withElements<Result>(_ body: (UnsafePointer<Scalar>) -> Result) -> Result {
    scalars.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return withUnsafePointer(to: 0, body) }
      return body(base)
    }
  }

  /// Calls `body` with the elements of this tensor and of another.
  func withElements<Result>(
    of other: Tensor, _ body: (UnsafePointer<Scalar>, UnsafePointer<Scalar>) -> Result
  ) -> Result {
    withElements { x in other.withElements { y in body(x, y) } }
  }

  /// Calls `body` with the elements, to change them in place.
  mutating func withMutableElements<Result>(
    _ body: (UnsafeMutablePointer<Scalar>) -> Result
  ) -> Result {
    scalars.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else {
        var nothing: Scalar = 0
        return withUnsafeMutablePointer(to: &nothing, body)
      }
      return body(base)
    }
  }

  /// A tensor whose elements `body` writes, every one; it is not called for an empty tensor.
  static func filled(_ shape: Shape, _ body: (UnsafeMutablePointer<Scalar>) -> Void) -> Tensor {
    Tensor(
      shape,
      [Scalar](unsafeUninitializedCapacity: shape.count) { buffer, initialized in
        if shape.count > 0, let base = buffer.baseAddress { body(base) }
        initialized = shape.count
      })
  }
}
