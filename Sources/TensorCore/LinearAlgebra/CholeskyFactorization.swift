/// A symmetric positive definite matrix as L · Lᵀ.
public struct CholeskyFactorization<Scalar: TensorScalar>: Sendable {
  /// L `[n, n]`, zero above the diagonal.
  public let lower: Tensor<Scalar>
  /// An estimate of 1 / (‖A‖₁ · ‖A⁻¹‖₁), in 0...1.
  ///
  /// About −log₁₀ of it decimal digits are lost in a solution.
  public let reciprocalCondition: Scalar

  /// Factors a symmetric positive definite matrix `[n, n]`.
  ///
  /// - Throws: `NumericError.notFinite`, or `NumericError.notPositiveDefinite` with the order of
  ///   the first leading minor that fails.
  /// - Precondition: The matrix is square. That it is symmetric is taken on trust: the factor is
  ///   made of the lower triangle alone.
  /// - Complexity: n³ / 3 multiply-adds.
  public init(_ matrix: consuming Tensor<Scalar>) throws(NumericError) {
    try BLASLibrary.requireRightness()
    let order = squareOrder(matrix, "a matrix to factor")
    try matrix.requireFinite("the matrix")
    let norm = try matrix.oneNorm("the matrix")
    let info = order == 0 ? 0 : matrix.withMutableElements { Scalar.potrf(order, $0) }
    precondition(info >= 0, "LAPACK potrf: argument \(-info)")
    if info > 0 { throw .notPositiveDefinite(order: info) }
    // Where an entry overflows on the way, LAPACK takes the NaN on the diagonal for a success.
    for i in 0..<order where !matrix[i, i].isFinite {
      throw .notPositiveDefinite(order: i + 1)
    }
    matrix.withMutableElements { a in
      for row in 0..<order {
        (a + row * order + row + 1).update(repeating: 0, count: order - row - 1)
      }
    }
    reciprocalCondition = order == 0 ? 1 : matrix.withElements { Scalar.pocon(order, $0, norm) }
    lower = matrix
  }

  /// n.
  public var order: Int { lower.shape[0] }

  /// X with A · X = B, for B `[n]` or `[n, columns]`.
  ///
  /// - Throws: `NumericError.notFinite` where B has NaN or infinity.
  /// - Complexity: 2 · n² multiply-adds for each column.
  public func solve(_ rightHandSide: consuming Tensor<Scalar>) throws(NumericError)
    -> Tensor<Scalar>
  {
    checkRightHandSide(rightHandSide.shape, order)
    try rightHandSide.requireFinite("the right-hand side")
    TriangularSolve.apply(lower, false, &rightHandSide)
    TriangularSolve.apply(lower, true, &rightHandSide)
    return rightHandSide
  }

  /// log det A = 2 · Σ log L[i, i].
  public var logDeterminant: Scalar {
    2 * Tensor([order], (0..<order).map { lower[$0, $0] }).map(.log).sum()
  }
}
