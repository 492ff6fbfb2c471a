import TensorCore

/// How one use of a parameter contributes to the gradient of each example.
///
/// A parameter used at several places has several factors; an example's gradient is their sum.
public struct Factor: Hashable, Sendable {
  /// The shape of the contribution.
  public enum Form: Hashable, Sendable {
    /// Σ_t δ_t a_tᵀ for activations a `[B, …, I]` and the cotangent δ `[B, …, O]`.
    ///
    /// `outputsFirst` says whether the parameter is stored `[O, I]` or `[I, O]`.
    case product(activation: NodeID, outputsFirst: Bool)
    /// Σ_t δ_t for the cotangent δ `[B, …, O]`.
    case bias
  }

  /// The parameter.
  public let parameter: NodeID
  /// How it meets the data.
  public let form: Form
  /// The cotangent δ of the place where they meet, of each example's own loss.
  public let cotangent: NodeID

  /// A contribution of this form.
  public init(parameter: NodeID, form: Form, cotangent: NodeID) {
    self.parameter = parameter
    self.form = form
    self.cotangent = cotangent
  }
}

extension Graph {
  /// Adds the cotangents of each example's own loss and names the factors of every parameter.
  ///
  /// The gradients are of each example's loss as it stands: not divided by the batch size or the
  /// number of positions.
  ///
  /// - Parameters:
  ///   - losses: `[B]`, where element b depends on example b alone.
  ///   - parameters: The parameters, none of which has a batch axis.
  /// - Returns: The factors in the order of their parameters.
  /// - Throws: ``GraphError/noFactors(parameter:primitive:)`` where a parameter meets the data in a
  ///   primitive that has no factor form.
  public mutating func perExampleFactors(
    of losses: NodeID, parameters: [NodeID]
  ) throws(GraphError) -> [Factor] {
    guard shape(losses).rank == 1 else { throw .notPerExample(shape: shape(losses)) }
    var factors: [Factor] = []
    var missing: GraphError?
    _ = reverseSweep(from: losses, to: parameters, seed: nil) { graph, node, operand, cotangent in
      let used = graph[node]
      if let factor = used.primitive.factor(
        graph, operands: used.operands, cotangent: cotangent, operand: operand)
      {
        factors.append(factor)
      } else {
        let label = (graph[used.operands[operand]].primitive as? Input)?.label ?? "a value"
        missing = .noFactors(parameter: label, primitive: type(of: used.primitive).name)
      }
      return true
    }
    if let missing { throw missing }
    var order: [NodeID: Int] = [:]
    for (index, parameter) in parameters.enumerated() { order[parameter] = index }
    return factors.sorted {
      (order[$0.parameter] ?? 0, $0.cotangent) < (order[$1.parameter] ?? 0, $1.cotangent)
    }
  }
}
