import TensorCore

/// Which keys a query of an attention may look at.
public enum AttentionMask: Sendable {
  /// Numbers `[…, T, S]` that are added to the scores, broadcasting; −∞ hides a key.
  case added(NodeID)
  /// Conditions `[…, T, S]`, broadcasting: 0 hides a key.
  case allowed(NodeID)
}

/// Attention.
extension Graph {
  /// softmax(scale · Q Kᵀ + mask) · V over the last two axes.
  ///
  /// Vaswani and others 2017, equation 1.
  ///
  /// Shapes, for T queries of width E, S keys and values of width V: queries `[…, T, E]`, keys
  /// `[…, S, E]`, values `[…, S, V]`, result `[…, T, V]`; the axes in front broadcast.
  ///
  /// A query that may look at no key has NaN for its result, as in PyTorch.
  ///
  /// - Parameters:
  ///   - scale: What the products are multiplied by; 1/√E where nil.
  ///   - mask: Which keys are seen.
  ///   - isCausal: Whether query t sees keys 0 … t only.
  /// - Throws: ``GraphError`` where the shapes do not fit.
  public mutating func attention(
    _ queries: NodeID, _ keys: NodeID, _ values: NodeID, scale: Double? = nil,
    mask: AttentionMask? = nil, isCausal: Bool = false
  ) throws(GraphError) -> NodeID {
    let width = Double(shape(queries).extents.last ?? 1)
    let factor = scale ?? 1 / max(width, 1).squareRoot()
    let scaledQueries = affine(queries, scale: factor, offset: 0)
    var scores = try adding(MatMul(transposeB: true), [scaledQueries, keys])
    switch mask {
    case .added(let numbers): scores = try adding(Binary(.add), [scores, numbers])
    case .allowed(let conditions):
      let seen = try adding(Binary(.mask), [conditions, scores])
      let hidden = constant(-.infinity)
      scores = add(seen, add(Binary(.mask), not(conditions), hidden))
    case nil: break
    }
    if isCausal { scores = add(scores, causalMask(shape(scores)[-2], shape(scores)[-1])) }
    return try adding(MatMul(), [softmax(scores), values])
  }

  /// `[T, S]`: 0 where key s is not behind query t, else −∞.
  private mutating func causalMask(_ queries: Int, _ keys: Int) -> NodeID {
    var elements = [Double](repeating: 0, count: queries * keys)
    for query in 0..<queries {
      for key in 0..<keys where key > query { elements[query * keys + key] = -.infinity }
    }
    return literal(elements, [queries, keys])
  }
}
