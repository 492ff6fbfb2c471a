import TensorCore

extension Graph {
  /// Adds Jᵀ H J v, with J the Jacobian of the outputs z and H the Hessian of Σ losses by z.
  ///
  /// For cross-entropy H is diag p − p pᵀ of each row, so the product is positive semidefinite
  /// whatever the network (Schraudolph 2002, section 3).
  ///
  /// - Parameters:
  ///   - losses: The losses, computed from z.
  ///   - outputs: The value z, such as logits `[B, C]`.
  ///   - directions: Pairs of a value and its direction, with at most one axis D in front.
  /// - Returns: One node per direction, of its shape.
  public mutating func gaussNewtonProduct(
    of losses: NodeID, through outputs: NodeID,
    along directions: [(value: NodeID, tangent: NodeID)]
  ) -> [NodeID] {
    let zeros = { (graph: inout Graph) in
      directions.map { graph.constant(0, graph.shape($0.tangent)) }
    }
    guard let pushed = jvp(of: [outputs], along: directions)[0] else { return zeros(&self) }
    let slope = gradient(of: losses, withRespectTo: [outputs])[0]
    guard let curved = jvp(of: [slope], along: [(outputs, pushed)])[0] else { return zeros(&self) }
    // The pull-back is linear in its seed, so its own tangent along the seed is the pull-back of
    // many cotangents at once. The seed itself is never read.
    let seed = input("pull-back seed of \(outputs.index)", shape(outputs))
    let pulled = gradient(of: outputs, withRespectTo: directions.map(\.value), seed: seed)
    let products = jvp(of: pulled, along: [(seed, curved)])
    return zip(directions, products).map { $1 ?? constant(0, shape($0.tangent)) }
  }
}
