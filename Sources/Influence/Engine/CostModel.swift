import TensorCore

/// The ways to take inner products of two sides' gradients in one term.
enum ProductPath: String, CaseIterable, Sendable {
  /// (a · a' + 1)(δ · δ'), without forming a gradient.
  case ghost
  /// Gradients of both sides, then one product.
  case materialized
  /// Query gradients pushed through the items' activations: (A · G_q) · D.
  case contraction

  /// Whether queries are kept as gradients rather than as factors.
  var keepsQueryGradients: Bool { self != .ghost }
}

/// The cheapest path for a term by floating-point operations.
///
/// Per item and query a ghost product takes 2(I + O), a product of gradients 2·I·O, a contraction
/// 2·T·I·O. Gradients cost 2·T·I·O once per item, which a few queries do not repay. The choice
/// depends on the shapes alone and changes results within rounding only.
struct CostModel: Sendable {
  let queries: Int

  func path(for term: FactorTerm) -> ProductPath {
    let inputs = max(term.inputs, 1)
    let positions = term.uses.reduce(0) { $0 + $1.positions }
    let gradient = inputs * term.outputs
    let materialized = 2 * gradient * queries + 2 * positions * gradient
    let contraction = 2 * positions * gradient * queries
    let best: ProductPath = contraction < materialized ? .contraction : .materialized
    guard term.isRankOne else { return best }
    return 2 * (inputs + term.outputs) * queries <= min(materialized, contraction) ? .ghost : best
  }

  /// Floating-point operations of a term for one item and all queries.
  func operations(_ term: FactorTerm) -> Double {
    let inputs = Double(max(term.inputs, 1))
    let outputs = Double(term.outputs)
    let positions = Double(term.uses.reduce(0) { $0 + $1.positions })
    switch path(for: term) {
    case .ghost: return 2 * (inputs + outputs) * Double(queries)
    case .materialized: return 2 * inputs * outputs * (Double(queries) + positions)
    case .contraction: return 2 * inputs * outputs * positions * Double(queries)
    }
  }
}
