/// What the data of a numeric routine can get wrong.
///
/// A caller's own mistakes (shapes that do not fit) stop the program; these do not.
public enum NumericError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The leading minor of this order (counted from 1) is not positive definite.
  case notPositiveDefinite(order: Int)
  /// The matrix is singular to working precision; `reciprocalCondition` is its estimate.
  case singular(reciprocalCondition: Double)
  /// The iteration stopped short of its tolerance; `residual` is relative to the right-hand side.
  case notConverged(iterations: Int, residual: Double)
  /// The matrix has a direction p, met at this iteration, with pᵀAp / pᵀp = `curvature` ≤ 0.
  case negativeCurvature(curvature: Double, iteration: Int)
  /// LAPACK's iteration for these did not converge; with finite input this is hardly ever seen.
  case decompositionFailed(what: String)
  /// The BLAS or LAPACK at work computes wrongly: the routine that was found out.
  case wrongLibrary(name: String, kernels: String, what: String)
  /// The value at this flat index is NaN or infinite.
  case notFinite(what: String, index: Int)

  /// One line for the person.
  public var description: String {
    switch self {
    case .notPositiveDefinite(let order):
      "the matrix is not positive definite: its leading minor of order \(order) fails; add damping"
    case .singular(let rcond):
      "the matrix is singular to working precision (reciprocal condition \(rcond)); add damping"
    case .notConverged(let iterations, let residual):
      "no convergence after \(iterations) iterations (relative residual \(residual))"
    case .negativeCurvature(let curvature, let iteration):
      "the matrix is not positive definite: curvature \(curvature) along the direction of "
        + "iteration \(iteration); add damping"
    case .decompositionFailed(let what):
      "the iteration for the \(what) of a matrix did not converge"
    case .wrongLibrary(let name, let kernels, let what):
      "this machine's BLAS computes wrongly: \(what) of \(name) with its kernels for \(kernels); "
        + "install a newer OpenBLAS, or set OPENBLAS_CORETYPE to kernels that work, such as Haswell"
    case .notFinite(let what, let index):
      "\(what) has a value that is NaN or infinite, at flat index \(index)"
    }
  }
}
