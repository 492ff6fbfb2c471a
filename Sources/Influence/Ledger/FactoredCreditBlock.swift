import TensorCore
import Training

/// Credit under an optimizer without state, from factors alone.
final class FactoredCreditBlock<Scalar: TensorScalar>: SweepBlock {
  let queries: QueryBlock<Scalar>
  var decay: [Double]
  private let setting: CreditSetting<Scalar>
  private let quadrature: ChordQuadrature<Scalar>
  private let integral: FactoredIntegral<Scalar>
  private let decayed: Directions<Scalar>?
  private var last: (step: Int, node: ChordGradients<Scalar>.Node)?

  init(
    _ queries: QueryBlock<Scalar>, _ setting: CreditSetting<Scalar>,
    _ products: FactorProducts<Scalar>
  ) {
    self.queries = queries
    self.setting = setting
    let layout = setting.run.model.layout
    let gradients = ChordGradients(queries, layout)
    integral = FactoredIntegral(gradients, products)
    quadrature = ChordQuadrature(gradients, into: integral, setting.rule, noise: setting.noise)
    decayed = setting.run.optimizer.weightDecay.rate == 0 ? nil : Directions(1, layout)
    decay = [Double](repeating: 0, count: queries.count)
  }

  /// Nothing: a step's credit depends on the step alone.
  var carried: [Directions<Scalar>] { [] }

  func begin(at final: UnsafePointer<Scalar>) {}

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func goBack(_ step: SweptStep<Scalar>, into products: StepProducts<Scalar>) {
    guard let items = step.prepared.items else { preconditionFailure("no factors of the items") }
    let size = setting.run.batches.size
    let scale = step.prepared.derivative.direct * step.clipScale
    let weightDecay = setting.run.optimizer.weightDecay
    // Without state, coupled and decoupled decay are the same.
    let shrinking = -setting.run.learningRates[step.number] * weightDecay.rate
    var strangers: [FactoredIntegral<Scalar>.Partners] = []
    var start = 0
    for memory in step.prepared.strangers {
      strangers.append(
        .init(
          rows: memory.rows, count: memory.count, sums: products.strangers + start,
          stride: products.strangerCount))
      start += memory.count
    }
    if let decayed { decayed.memory.base.update(from: step.before, count: decayed.elementCount) }
    integral.meet(
      .init(rows: items.rows, count: items.count, sums: products.items, stride: size),
      moves: step.isReplaced ? nil : setting.run.shares(of: step.number).map { scale * $0 },
      strangers: strangers,
      decayed: decayed.map { ($0, shrinking) })
    setting.withEnds(of: step, quadrature.gradients.chord) {
      last = quadrature.integrate(
        ends: setting.ends(step.number, queries), allowed: setting.allowed(step.number, queries),
        last: last.flatMap { $0.step == step.number + 1 ? $0.node : nil }
      ).map { (step.number, $0) }
    }
    Scalar.affine(queries.count * size, scale, products.items, 0, products.items)
    Scalar.affine(
      queries.count * products.strangerCount, scale, products.strangers, 0, products.strangers)
    if decayed != nil {
      for query in 0..<queries.count { decay[query] += shrinking * integral.decay[query] }
    }
  }
}
