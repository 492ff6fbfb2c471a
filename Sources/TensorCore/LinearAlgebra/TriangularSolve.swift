/// Solutions with a lower triangular matrix.
public enum TriangularSolve {
  /// X with op(L) · X = B, by substitution.
  ///
  /// - Parameters:
  ///   - lower: L `[n, n]`; what stands above its diagonal is not read.
  ///   - transposed: Whether op(L) is Lᵀ.
  ///   - rightHandSide: B, `[n]` or `[n, columns]`.
  /// - Returns: X in the shape of B; NaN in B stays in its column.
  /// - Throws: `NumericError.singular` where the diagonal has a zero.
  /// - Complexity: n² multiply-adds for each column.
  public static func solve<Scalar: TensorScalar>(
    lower: Tensor<Scalar>, transposed: Bool = false, _ rightHandSide: consuming Tensor<Scalar>
  ) throws(NumericError) -> Tensor<Scalar> {
    try BLASLibrary.requireRightness()
    let order = squareOrder(lower, "a triangular matrix")
    checkRightHandSide(rightHandSide.shape, order)
    for i in 0..<order where lower[i, i] == 0 {
      throw .singular(reciprocalCondition: 0)
    }
    apply(lower, transposed, &rightHandSide)
    return rightHandSide
  }

  /// B = op(L)⁻¹ · B in place, for a diagonal without zeros.
  static func apply<Scalar: TensorScalar>(
    _ lower: Tensor<Scalar>, _ transposed: Bool, _ solution: inout Tensor<Scalar>
  ) {
    let order = lower.shape[0]
    let columns = solution.shape.rank == 1 ? 1 : solution.shape[1]
    guard order > 0, columns > 0 else { return }
    solution.withMutableElements { b in
      lower.withElements { l in
        Scalar.trsm(transposed, order, columns, 1, l, order, b, columns)
      }
    }
  }
}

// MARK: Checks that the factorisations share

/// n of a matrix `[n, n]`.
func squareOrder<Scalar>(_ matrix: Tensor<Scalar>, _ what: String) -> Int {
  precondition(
    matrix.shape.rank == 2 && matrix.shape[0] == matrix.shape[1],
    "\(what) has to be square, not \(matrix.shape)")
  return matrix.shape[0]
}

func checkRightHandSide(_ shape: Shape, _ order: Int) {
  precondition(
    (1...2).contains(shape.rank) && shape[0] == order,
    "a right-hand side of shape \(shape) for a matrix of order \(order)")
}

extension Tensor {
  /// LAPACK's own check misses NaN in some routines: everything that goes there is scanned here.
  func requireFinite(_ what: String) throws(NumericError) {
    if let index = firstNonFinite { throw .notFinite(what: what, index: index) }
  }

  /// The largest column sum of magnitudes of a matrix that holds only finite values.
  ///
  /// - Throws: `NumericError.notFinite` with the column whose sum overflows.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func oneNorm(_ what: String) throws(NumericError) -> Scalar {
    let columns = shape[1]
    var sums = [Scalar](repeating: 0, count: columns)
    for row in 0..<shape[0] {
      for column in 0..<columns { sums[column] += scalars[row * columns + column].magnitude }
    }
    if let column = sums.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "the sum of magnitudes down a column of \(what)", index: column)
    }
    return sums.max() ?? 0
  }
}
