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
/// 2·T·I·O. Forming an item's gradient costs 2·T·I·O once, and does not count: the choice depends on
/// the shapes alone, never on the number of queries, so that a query has the same bits in whatever
/// company it is scored.
struct CostModel: Sendable {
  let queries: Int

  func path(for term: FactorTerm) -> ProductPath {
    let materialized = 2 * Double(term.gradientCount)
    let contraction = term.allowsContraction ? contractionOperations(term) : .infinity
    if let ghost = ghostOperations(term), ghost <= min(materialized, contraction) { return .ghost }
    return contraction < materialized ? .contraction : .materialized
  }

  /// Floating-point operations of a term for one item and all queries.
  func operations(_ term: FactorTerm) -> Double {
    switch path(for: term) {
    case .ghost: (ghostOperations(term) ?? 0) * Double(queries)
    case .materialized:
      gradientOperations(term) + 2 * Double(term.gradientCount) * Double(queries)
    case .contraction: contractionOperations(term) * Double(queries)
    }
  }

  /// What one query takes for an item without a gradient formed, where that is possible.
  private func ghostOperations(_ term: FactorTerm) -> Double? {
    term.rankOne.map { 2 * Double($0.inputs + $0.outputs) }
  }

  /// What forming an item's gradient takes.
  private func gradientOperations(_ term: FactorTerm) -> Double {
    term.uses.reduce(0) { sum, use in
      switch use.form {
      case .product(_, let product):
        sum + 2 * Double(product.groups * use.positions) * Double(product.inputs * product.outputs)
      case .rows(_, let positions, let width): sum + Double(positions * width)
      case .whole: sum
      }
    }
  }

  /// What one query takes for an item.
  private func contractionOperations(_ term: FactorTerm) -> Double {
    term.uses.reduce(0) { sum, use in
      switch use.form {
      case .product(_, let product):
        sum + 2 * Double(product.positions * product.outputs) * Double(product.inputs + 1)
      // A row at a time, far from a matrix product's rate.
      case .rows(_, let positions, let width): sum + 8 * Double(positions * width)
      case .whole: sum + 2 * Double(term.gradientCount)
      }
    }
  }
}
