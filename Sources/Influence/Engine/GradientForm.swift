import Autodiff
public import Training

/// How each item's gradient of a parameter is made.
public enum GradientForm: String, CaseIterable, Comparable, Sendable {
  /// Products of activations with what comes back: gradients need not be formed.
  case product
  /// Rows of what comes back, added where tokens point.
  case rows
  /// What comes back itself.
  case whole
  /// The parameter is computed with before it meets the data: exact, and slow.
  case itemByItem = "item by item"

  /// In the order of what they cost.
  public static func < (one: GradientForm, other: GradientForm) -> Bool {
    let order = { (form: GradientForm) in allCases.firstIndex(of: form) ?? 0 }
    return order(one) < order(other)
  }

  /// The forms of every parameter of a model by name, one for each kind of place where it is used;
  /// none for what is not trained.
  ///
  /// - Throws: `GraphError` where a parameter meets something that has no batch axis.
  public static func forms(of model: any Model) throws -> [String: [GradientForm]] {
    let factors = try GradientFactors<Float>(
      model, loss: .squaredError, measure: QueryMeasure(.loss, loss: .squaredError), batch: 2)
    var forms: [String: Set<GradientForm>] = [:]
    for use in factors.uses { forms[use.entry.name, default: []].insert(use.gradientForm) }
    for entry in factors.expanded { forms[entry.name] = [.itemByItem] }
    return forms.mapValues { $0.sorted() }
  }
}

extension FactorUse {
  fileprivate var gradientForm: GradientForm {
    switch form {
    case .product: .product
    case .rows: .rows
    case .whole: .whole
    }
  }
}
