/// The solution of A · x = b by conjugate gradients, for a symmetric positive definite operator.
///
/// Source: M. R. Hestenes, E. Stiefel, "Methods of conjugate gradients for solving linear systems",
/// 1952. An unfinished iterate is a useful approximation, so one that misses its tolerance is
/// returned with what it reached; ``requireConvergence()`` makes that an error.
public struct ConjugateGradient<Scalar: TensorScalar>: Sendable {
  /// x `[n]`.
  public let solution: Tensor<Scalar>
  /// ‖b − A · x‖ / ‖b‖, computed from the solution itself, not from the recurrence.
  public let relativeResidual: Scalar
  /// How many steps were made, each with one product.
  public let iterations: Int
  /// Whether the residual is within the tolerance.
  public let isConverged: Bool

  /// Solves from x = 0.
  ///
  /// The residual that the recurrence carries drifts away from the true one. When it meets the
  /// tolerance, the true one is computed; if that does not, the iteration starts again from there,
  /// and ends where such a start no longer halves it.
  ///
  /// - Parameters:
  ///   - a: A, symmetric positive definite.
  ///   - b: The right-hand side `[n]`.
  ///   - tolerance: On the relative residual.
  ///   - maximumIterations: The largest number of steps; where nil, 2 · n.
  ///   - preconditioner: An approximate inverse of A, symmetric positive definite.
  /// - Throws: `NumericError.notFinite` where b or a product has NaN or infinity,
  ///   `NumericError.negativeCurvature` where A turns out not to be positive definite.
  /// - Complexity: For each step one product and O(n).
  public init(
    _ a: some LinearOperator<Scalar>, _ b: Tensor<Scalar>, tolerance: Scalar,
    maximumIterations: Int? = nil, preconditioner: (any LinearOperator<Scalar>)? = nil
  ) throws(NumericError) {
    precondition(
      b.shape == [a.dimension],
      "a right-hand side of shape \(b.shape) for an operator of dimension \(a.dimension)")
    try b.requireFinite("the right-hand side")
    let goal = tolerance * b.norm
    let limit = maximumIterations ?? 2 * a.dimension

    var x = Tensor<Scalar>(b.shape)
    var r = b  // the residual, by recurrence between the restarts
    var residual = b.norm  // its norm where last computed from x
    var z = r, ap = r
    var iteration = 0
    while residual > goal, iteration < limit {
      var p = Tensor<Scalar>(b.shape)
      var rz: Scalar = 0
      repeat {
        if let preconditioner { preconditioner.apply(r, into: &z) } else { z = r }
        let previous = rz
        rz = r.dot(z)
        p = rz == 0 || previous == 0 ? z : z + p * (rz / previous)
        a.apply(p, into: &ap)
        try ap.requireFinite("the product at iteration \(iteration + 1)")
        let curvature = p.dot(ap)
        guard curvature > 0 else {
          throw .negativeCurvature(
            curvature: Double(curvature / p.dot(p)), iteration: iteration + 1)
        }
        let step = rz / curvature
        x.add(p, scale: step)
        r.add(ap, scale: -step)
        iteration += 1
      } while r.norm > goal && iteration < limit

      a.apply(x, into: &ap)
      r = b - ap
      let reached = r.norm
      let stagnates = !(reached <= residual / 2)
      residual = reached
      if stagnates { break }
    }
    solution = x
    relativeResidual = residual == 0 ? 0 : residual / b.norm
    iterations = iteration
    isConverged = residual <= goal
  }

  /// The solution, if it meets the tolerance.
  ///
  /// - Throws: `NumericError.notConverged`.
  public func requireConvergence() throws(NumericError) -> Tensor<Scalar> {
    guard isConverged else {
      throw .notConverged(iterations: iterations, residual: Double(relativeResidual))
    }
    return solution
  }
}
