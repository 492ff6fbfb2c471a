import TensorCore

extension Graph {
  /// Adds H v for the Hessian of Σ y with respect to some values: the JVP of the gradient.
  ///
  /// - Parameter directions: Pairs of a value and its direction, with at most one axis D in front
  ///   for D directions at once.
  /// - Returns: One node per direction, of its shape (Pearlmutter 1994).
  public mutating func hessianProduct(
    of y: NodeID, along directions: [(value: NodeID, tangent: NodeID)]
  ) -> [NodeID] {
    let gradients = gradient(of: y, withRespectTo: directions.map(\.value))
    let products = jvp(of: gradients, along: directions)
    return zip(directions, products).map { $1 ?? constant(0, shape($0.tangent)) }
  }
}
