import Autodiff
import Training

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
    let materialized = gradientOperations(term) + 2 * term.gradientCount * queries
    let contraction = term.allowsContraction ? contractionOperations(term) * queries : .max
    let best: ProductPath = contraction < materialized ? .contraction : .materialized
    guard let rows = term.rankOne else { return best }
    return 2 * (rows.inputs + rows.outputs) * queries <= min(materialized, contraction)
      ? .ghost : best
  }

  /// Floating-point operations of a term for one item and all queries.
  func operations(_ term: FactorTerm) -> Double {
    switch path(for: term) {
    case .ghost:
      2 * Double((term.rankOne?.inputs ?? 0) + (term.rankOne?.outputs ?? 0)) * Double(queries)
    case .materialized:
      Double(gradientOperations(term)) + 2 * Double(term.gradientCount) * Double(queries)
    case .contraction: Double(contractionOperations(term)) * Double(queries)
    }
  }

  /// What forming an item's gradient takes.
  private func gradientOperations(_ term: FactorTerm) -> Int {
    term.uses.reduce(0) { sum, use in
      switch use.form {
      case .product(_, let product):
        sum + 2 * product.blocks * product.groups * product.positions * product.inputs
          * product.outputs
      case .rows(_, let positions, let width): sum + positions * width
      case .whole: sum
      }
    }
  }

  /// What one query takes for an item.
  private func contractionOperations(_ term: FactorTerm) -> Int {
    term.uses.reduce(0) { sum, use in
      switch use.form {
      case .product(_, let product):
        sum + 2 * product.positions * (product.inputs + 1) * product.outputs
      // A row at a time, far from a matrix product's rate.
      case .rows(_, let positions, let width): sum + 8 * positions * width
      case .whole: sum + 2 * term.gradientCount
      }
    }
  }
}
