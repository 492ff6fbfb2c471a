import Autodiff
import TensorCore
import Training

/// Which parameters' gradients are compared.
public enum Layers: Sendable {
  /// All of them.
  case all
  /// Those of the last layer only.
  case last
}

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
    terms = FactorTerm.terms(factors.uses, layers: layers)
    self.hasSparseInputs = hasSparseInputs
    inputCount = model.inputShape.count
    targetCount = model.targetShape(loss).count
  }

  /// P of the parameters compared.
  var gradientCount: Int { terms.reduce(0) { $0 + $1.gradientCount } }

  /// Whether a source is the batch's own inputs.
  func isInput(_ source: Int?) -> Bool { source.map { factors.sources[$0].output == nil } ?? false }

  /// Whether a term's activation is the batch's own inputs.
  func meetsInputs(_ term: FactorTerm) -> Bool { isInput(term.rankOne?.activation) }

  func makeWorker() -> FactorWorker<Scalar> { FactorWorker(self) }

  /// Items of one block: enough rows for fast products, few enough for the cache; it depends on the
  /// problem alone.
  ///
  /// - Parameters:
  ///   - count: The items there are.
  ///   - sample: The factors of a few items, which tell what memory an item takes on its way through
  ///     the network and which gradients are formed.
  static func batch(_ count: Int, _ sample: GradientFactors<Scalar>) -> Int {
    let perItem = sample.plan.workspaceCount / sample.batch
    let formed = FactorTerm.terms(sample.uses, layers: .all).reduce(0) {
      $0 + ($1.rankOne == nil ? $1.gradientCount : 0)
    }
    /// The largest power of two below a bound that keeps a block within so many elements.
    func block(_ bound: Int, within elements: Int) -> Int {
      var size = bound
      while size > 1, size * perItem > elements { size /= 2 }
      return size
    }
    // The gradients of all queries are read once for each block: so many items that this is no more
    // than what the network itself reads and writes, for some sixty queries.
    var shared = 1
    while shared < 64, 64 * formed > shared * perItem { shared *= 2 }
    let wanted = max(
      block(256, within: 1 << 20), block(16, within: 1 << 24), block(shared, within: 1 << 26))
    return min(wanted, max((count + 15) / 16 * 16, 16))
  }
}
