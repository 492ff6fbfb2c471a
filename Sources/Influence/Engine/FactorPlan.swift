import Autodiff
import TensorCore
import Training

/// A compiled batch: from B items to the factors of their gradients, and how these are compared.
struct FactorPlan<Scalar: TensorScalar>: Sendable {
  let factors: GradientFactors<Scalar>
  let terms: [FactorTerm]
  let inputCount: Int
  /// The numbers of an item's target.
  let targetCount: Int
  /// Whether products with the inputs skip zeros.
  let hasSparseInputs: Bool

  /// B.
  var batch: Int { factors.batch }
  var plan: Plan<Scalar> { factors.plan }
  var layout: ParameterLayout { factors.layout }

  /// Compiles the factors of ∇(measure), or of −∇(measure) where `negated`.
  init(
    _ model: any Model, loss: Loss, measure: Measure, negated: Bool, layers: Layers, batch: Int,
    hasSparseInputs: Bool = false
  ) throws(GraphError) {
    factors = try GradientFactors(
      model, loss: loss, measure: QueryMeasure(measure, loss: loss), batch: batch,
      isNegated: negated, cutsInputProducts: hasSparseInputs)
    let last = Set(factors.lastLayer.map(\.name))
    let isCounted: (String) -> Bool =
      switch layers {
      case .all: { _ in true }
      case .last: last.contains
      case .parameters(let names): names.contains
      }
    terms = FactorTerm.terms(factors.uses.filter { isCounted($0.entry.name) })
    self.hasSparseInputs = hasSparseInputs
    inputCount = model.inputShape.count
    targetCount = model.targetShape(loss).count
  }

  /// The parameters compared, in the order of the model.
  var parameterNames: [String] {
    let names = Set(terms.flatMap(\.names))
    return layout.entries.map(\.name).filter(names.contains)
  }

  /// P of the parameters compared.
  var gradientCount: Int { terms.reduce(0) { $0 + $1.gradientCount } }

  /// Whether a source is the batch's own inputs.
  func isInput(_ source: Int?) -> Bool { source.map { factors.sources[$0].output == nil } ?? false }

  /// Whether a term's activation is the batch's own inputs.
  func meetsInputs(_ term: FactorTerm) -> Bool { isInput(term.rankOne?.activation) }

  func makeWorker() -> FactorWorker<Scalar> { FactorWorker(self) }

  /// Items of one batch: few enough that it stays in the cache on its way through the network, and
  /// enough that weights are not read more often than the items' own numbers; it depends on the
  /// problem alone.
  ///
  /// - Parameters:
  ///   - count: The items there are.
  ///   - sample: The factors of a few items, which tell what memory an item takes.
  static func batch(_ count: Int, _ sample: GradientFactors<Scalar>) -> Int {
    let perItem = max(sample.plan.workspaceCount / sample.batch, 1)
    var size = 256
    while size > 1, size * perItem > 1 << 22 { size /= 2 }
    while size < 256, size * perItem < sample.layout.count, 2 * size * perItem <= 1 << 24 {
      size *= 2
    }
    // The gradients that are formed are kept for the whole batch.
    let formed = FactorTerm.terms(sample.uses).reduce(0) {
      $0 + ($1.rankOne == nil ? $1.gradientCount : 0)
    }
    while size > 1, size * formed > 1 << 25 { size /= 2 }
    return min(size, max((count + 15) / 16 * 16, 16))
  }
}
