/// A symmetric matrix as Σ λᵢ · vᵢ · vᵢᵀ.
public struct SymmetricEigen<Scalar: TensorScalar>: Sendable {
  /// The eigenvalues `[n]`, ascending.
  public let values: Tensor<Scalar>
  /// The orthonormal eigenvectors as rows `[n, n]`: row i belongs to value i.
  ///
  /// A = Vᵀ · diag(values) · V. A vector's sign is arbitrary, and so is the basis that stands for
  /// an eigenvalue that repeats.
  public let vectors: Tensor<Scalar>

  /// The decomposition of a symmetric matrix `[n, n]`.
  ///
  /// - Throws: `NumericError.notFinite`, or `NumericError.decompositionFailed`.
  /// - Precondition: The matrix is square. That it is symmetric is taken on trust: only the lower
  ///   triangle is read.
  /// - Complexity: O(n³), about ten times a Cholesky factorisation.
  public init(_ matrix: consuming Tensor<Scalar>) throws(NumericError) {
    try BLASLibrary.requireRightness()
    let order = squareOrder(matrix, "a matrix to decompose")
    try matrix.requireFinite("the matrix")
    var values = Tensor<Scalar>([order])
    if order > 0 {
      let info = values.withMutableElements { w in
        matrix.withMutableElements { a in Scalar.syevd(order, a, w) }
      }
      precondition(info >= 0, "LAPACK syevd: argument \(-info)")
      if info > 0 { throw .decompositionFailed(what: "eigenvalues") }
    }
    self.values = values
    vectors = matrix
  }
}
