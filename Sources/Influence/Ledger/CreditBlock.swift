import TensorCore
import Training

/// Credit under an optimizer with state: chord gradients are carried back through it.
final class CreditBlock<Scalar: TensorScalar>: SweepBlock {
  let queries: QueryBlock<Scalar>
  var decay: [Double]
  private let adjoint: Adjoint<Scalar>
  private let setting: CreditSetting<Scalar>
  private let quadrature: ChordQuadrature<Scalar>
  private let scratch: AlignedBuffer<Scalar>
  private var last: (step: Int, node: ChordGradients<Scalar>.Node)?

  init(_ queries: QueryBlock<Scalar>, _ setting: CreditSetting<Scalar>) {
    self.queries = queries
    self.setting = setting
    adjoint = Adjoint(queries.count, setting.run.model.layout, setting.run.optimizer)
    let gradients = ChordGradients(queries, setting.run.model.layout)
    quadrature = ChordQuadrature(
      gradients, into: WrittenIntegral(gradients, queries.factors, into: adjoint.parameters),
      setting.rule, noise: setting.noise)
    scratch = AlignedBuffer(setting.items.contractionScratch(queries.count), filledWith: 0)
    decay = [Double](repeating: 0, count: queries.count)
  }

  /// The chord's gradients are new at every step.
  var carried: [Directions<Scalar>] { adjoint.memories }

  func begin(at final: UnsafePointer<Scalar>) {}

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func goBack(_ step: SweptStep<Scalar>, into products: StepProducts<Scalar>) {
    adjoint.parameters.clear()
    setting.withEnds(of: step, quadrature.gradients.chord) {
      last = quadrature.integrate(
        ends: setting.ends(step.number, queries), allowed: setting.allowed(step.number, queries),
        last: last.flatMap { $0.step == step.number + 1 ? $0.node : nil }
      ).map { (step.number, $0) }
    }
    adjoint.pullBack(step.prepared.derivative, holdsScale: true)
    addDecay(step.before, at: step.number)
    if step.clipScale != 1 {
      let gradient = adjoint.gradient
      Scalar.affine(
        gradient.elementCount, step.clipScale, gradient.memory.base, 0, gradient.memory.base)
    }
    if let items = step.prepared.items {
      setting.items.contract(
        items.rows, count: items.count, with: adjoint.gradient, into: products.items,
        stride: items.count, scratch: scratch.base)
    }
    setting.strangers?.contractStrangers(step.prepared, with: adjoint.gradient, into: products)
  }

  private func addDecay(_ parameters: [Scalar], at step: Int) {
    let (weightDecay, rate) = (setting.run.optimizer.weightDecay, setting.run.learningRates[step])
    guard setting.run.optimizer.decays else { return }
    if !setting.run.optimizer.groups.isEmpty {
      // λθ, or −ηλθ where it is decoupled, with each parameter's own λ and η.
      var drawn = [Scalar](repeating: 0, count: parameters.count)
      for part in setting.run.optimizer.parts(of: setting.run.model.layout) {
        let own = part.settings.weightDecay.rate
        let factor = Scalar(
          weightDecay.kind == .coupled ? own : -part.rate(at: step, rate) * own)
        for index in part.range { drawn[index] = factor * parameters[index] }
      }
      let adjoint = weightDecay.kind == .coupled ? adjoint.gradient : adjoint.parameters
      for query in 0..<queries.count { decay[query] += adjoint.dot(query, drawn) }
      return
    }
    for query in 0..<queries.count {
      switch weightDecay.kind {
      case .coupled:
        decay[query] += weightDecay.rate * adjoint.gradient.dot(query, parameters)
      case .decoupled:
        decay[query] -= rate * weightDecay.rate * adjoint.parameters.dot(query, parameters)
      }
    }
  }
}
