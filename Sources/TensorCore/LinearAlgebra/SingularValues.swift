/// A matrix as U · diag(s) · Vᵀ, the thin singular value decomposition.
///
/// Axes: m rows, n columns, r = min(m, n).
public struct SingularValues<Scalar: TensorScalar>: Sendable {
  /// The left singular vectors as columns `[m, r]`.
  public let u: Tensor<Scalar>
  /// The singular values `[r]`, descending, none negative.
  public let s: Tensor<Scalar>
  /// The right singular vectors as rows `[r, n]`.
  public let vt: Tensor<Scalar>

  /// The decomposition of a matrix `[m, n]`.
  ///
  /// - Throws: `NumericError.notFinite`, or `NumericError.decompositionFailed`.
  /// - Complexity: O(m · n · r).
  public init(_ matrix: consuming Tensor<Scalar>) throws(NumericError) {
    try BLASLibrary.requireRightness()
    precondition(matrix.shape.rank == 2, "singular values of a tensor of shape \(matrix.shape)")
    try matrix.requireFinite("the matrix")
    let (m, n) = (matrix.shape[0], matrix.shape[1])
    let rank = min(m, n)
    var u = Tensor<Scalar>([m, rank])
    var s = Tensor<Scalar>([rank])
    var vt = Tensor<Scalar>([rank, n])
    if rank > 0 {
      let info = u.withMutableElements { u in
        s.withMutableElements { s in
          vt.withMutableElements { vt in
            matrix.withMutableElements { a in Scalar.gesdd(m, n, a, s, u, vt) }
          }
        }
      }
      precondition(info >= 0, "LAPACK gesdd: argument \(-info)")
      if info > 0 { throw .decompositionFailed(what: "singular values") }
    }
    self.u = u
    self.s = s
    self.vt = vt
  }
}
