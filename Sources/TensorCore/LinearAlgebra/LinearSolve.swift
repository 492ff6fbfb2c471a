/// A square matrix as P · L · U, ready to solve with.
///
/// For a symmetric positive definite matrix ``CholeskyFactorization`` takes half the work.
public struct LinearSolve<Scalar: TensorScalar>: Sendable {
  private let factors: Tensor<Scalar>
  private let pivots: [Int32]
  /// An estimate of 1 / (‖A‖₁ · ‖A⁻¹‖₁), in 0...1.
  public let reciprocalCondition: Scalar

  /// Factors a matrix `[n, n]` with partial pivoting.
  ///
  /// - Throws: `NumericError.notFinite`, or `NumericError.singular` where the reciprocal condition
  ///   is below the machine epsilon: no digit of a solution would be right.
  /// - Precondition: The matrix is square.
  /// - Complexity: 2 · n³ / 3 multiply-adds.
  public init(_ matrix: consuming Tensor<Scalar>) throws(NumericError) {
    try BLASLibrary.requireRightness()
    let order = squareOrder(matrix, "a matrix to solve with")
    try matrix.requireFinite("the matrix")
    let norm = try matrix.oneNorm("the matrix")
    var pivots = [Int32](repeating: 0, count: order)
    if order == 0 {
      reciprocalCondition = 1
    } else {
      let info = matrix.withMutableElements { Scalar.getrf(order, $0, &pivots) }
      precondition(info >= 0, "LAPACK getrf: argument \(-info)")
      if info > 0 { throw .singular(reciprocalCondition: 0) }
      try matrix.requireFinite("the LU factor of the matrix")
      reciprocalCondition = matrix.withElements { Scalar.gecon(order, $0, norm) }
      guard reciprocalCondition >= .ulpOfOne else {
        throw .singular(reciprocalCondition: Double(reciprocalCondition))
      }
    }
    factors = matrix
    self.pivots = pivots
  }

  /// n.
  public var order: Int { factors.shape[0] }

  /// X with A · X = B, for B `[n]` or `[n, columns]`.
  ///
  /// - Throws: `NumericError.notFinite` where B has NaN or infinity.
  /// - Complexity: n² multiply-adds for each column.
  public func solve(_ rightHandSide: consuming Tensor<Scalar>) throws(NumericError)
    -> Tensor<Scalar>
  {
    checkRightHandSide(rightHandSide.shape, order)
    try rightHandSide.requireFinite("the right-hand side")
    let columns = rightHandSide.shape.rank == 1 ? 1 : rightHandSide.shape[1]
    guard rightHandSide.count > 0 else { return rightHandSide }
    let info = rightHandSide.withMutableElements { b in
      factors.withElements { lu in Scalar.getrs(order, columns, lu, pivots, b) }
    }
    precondition(info == 0, "LAPACK getrs: argument \(-info)")
    return rightHandSide
  }
}
