extension Tensor {
  /// The matrix–vector product op(self) · x, `[m]`, of a matrix `[m, n]` and a vector `[n]`.
  ///
  /// With `transposeSelf` the matrix is `[n, m]`.
  ///
  /// - Precondition: The inner extents agree.
  public func matvec(_ x: Tensor, transposeSelf: Bool = false) -> Tensor {
    precondition(
      shape.rank == 2 && x.shape == [shape[transposeSelf ? 0 : 1]],
      "a matrix–vector product of \(shape)\(transposeSelf ? " transposed" : "") and \(x.shape)")
    return matmul(x.reshaped([x.count, 1]), transposeSelf: transposeSelf).reshaped(
      [shape[transposeSelf ? 1 : 0]])
  }

  /// The symmetric product self · selfᵀ `[m, m]` of a matrix `[m, n]`; with `transposeSelf`
  /// selfᵀ · self `[n, n]`.
  ///
  /// - Complexity: m² · n multiply-adds, half of a general product's work.
  public func gram(transposeSelf: Bool = false) -> Tensor {
    precondition(shape.rank == 2, "a Gram matrix of a tensor of shape \(shape)")
    let (order, inner) = transposeSelf ? (shape[1], shape[0]) : (shape[0], shape[1])
    var product = Tensor([order, order])
    guard count > 0 else { return product }
    withElements { a in
      product.withMutableElements { c in
        switch SummationOrder.any.backend(order, order, inner) {
        case .blas: Scalar.syrk(transposeSelf, order, inner, 1, a, shape[1], 0, c, order)
        case .own: Self.lowerGram(transposeSelf, order, inner, a, shape[1], c)
        }
      }
    }
    product.mirrorLowerTriangle()
    return product
  }

  /// The lower triangle of A · Aᵀ or Aᵀ · A, in stripes of rows that end behind the diagonal.
  private static func lowerGram(
    _ transpose: Bool, _ order: Int, _ inner: Int, _ a: UnsafePointer<Scalar>, _ lda: Int,
    _ c: UnsafeMutablePointer<Scalar>
  ) {
    let stripes = Blocks(order, size: 96)
    for stripe in 0..<stripes.number {
      let rows = stripes[stripe]
      Scalar.product(
        transpose, !transpose, rows.count, rows.upperBound, inner, 1,
        a + rows.lowerBound * (transpose ? 1 : lda), lda, a, lda, 0, c + rows.lowerBound * order,
        order)
    }
  }

  /// Adds scale · x · yᵀ to a matrix `[m, n]`, x `[m]`, y `[n]`.
  public mutating func addOuterProduct(_ x: Tensor, _ y: Tensor, scale: Scalar = 1) {
    let (m, n) = (x.count, y.count)
    precondition(
      x.shape == [m] && y.shape == [n] && shape == [m, n],
      "adding an outer product of \(x.shape) and \(y.shape) to \(shape)")
    guard count > 0 else { return }
    withMutableElements { a in
      x.withElements(of: y) { x, y in Scalar.addOuter(m, n, scale, x, y, a) }
    }
  }

  /// Adds scale · other, elementwise, without a temporary.
  ///
  /// - Precondition: The shapes are equal.
  public mutating func add(_ other: Tensor, scale: Scalar) {
    precondition(shape == other.shape, "adding a tensor of shape \(other.shape) to \(shape)")
    let count = count
    withMutableElements { y in
      other.withElements { x in Scalar.axpy(count, scale, x, y) }
    }
  }

  /// Adds a value to each element of a square matrix's diagonal.
  public mutating func addToDiagonal(_ value: Scalar) {
    precondition(shape.rank == 2 && shape[0] == shape[1], "a diagonal of the shape \(shape)")
    let order = shape[0]
    withMutableElements { a in
      for i in 0..<order { a[i * order + i] += value }
    }
  }

  /// The inner product Σ self · other, in a fixed order.
  ///
  /// - Precondition: The shapes are equal.
  public func dot(_ other: Tensor) -> Scalar {
    precondition(shape == other.shape, "an inner product of \(shape) and \(other.shape)")
    return withElements(of: other) { x, y in Scalar.dot(count, x, y) }
  }

  /// The Euclidean norm √(Σ x²), also where the squares would overflow or vanish.
  public var norm: Scalar {
    let sum = dot(self)
    if sum.isFinite && sum >= .leastNormalMagnitude / .ulpOfOne { return sum.squareRoot() }
    let largest = count == 0 ? 0 : Swift.max(max(), (-self).max())
    guard largest > 0, largest.isFinite else { return largest }
    let scaled = self / largest
    return largest * scaled.dot(scaled).squareRoot()
  }

  /// Copies the lower triangle of a square matrix to the upper one.
  ///
  /// Blocks below the diagonal go through the transpose kernel.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  mutating func mirrorLowerTriangle() {
    let order = shape[0]
    let block = 32
    withMutableElements { a in
      for start in stride(from: 0, to: order, by: block) {
        let end = Swift.min(start + block, order)
        Scalar.transpose(end - start, start, a + start * order, order, a + start, order)
        for row in start..<end {
          for column in start..<row { a[column * order + row] = a[row * order + column] }
        }
      }
    }
  }
}
