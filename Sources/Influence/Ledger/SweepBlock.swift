import TensorCore
import Training

/// A block of queries on its way from the last step of a run to the first.
///
/// For one thread at a time.
protocol SweepBlock<Scalar>: AnyObject {
  associatedtype Scalar: TensorScalar
  /// Which of the ledger's queries.
  var queries: QueryBlock<Scalar> { get }
  /// What is carried from step to step.
  var carried: [Directions<Scalar>] { get }
  /// What weight decay did to each query's measure, `[D]`, in the steps gone through.
  var decay: [Double] { get set }

  /// Begins after the last step.
  func begin(at final: UnsafePointer<Scalar>)

  /// Goes back through a step.
  func goBack(_ step: SweptStep<Scalar>, into products: StepProducts<Scalar>)
}

/// A step as a sweep comes to it.
struct SweptStep<Scalar: TensorScalar> {
  let number: Int
  let leg: Trajectory<Scalar>.Leg
  let prepared: PreparedStep<Scalar>
  /// κ.
  let clipScale: Scalar
  /// Threads for large products where the block has them to itself.
  let pool: WorkerPool?

  var before: [Scalar] { leg.before(number).parameters }
  var after: [Scalar] { leg.after(number).parameters }
}

/// What gradients of a step's items, and of strangers in their places, add to each measure, before
/// weights and batch size.
struct StepProducts<Scalar: TensorScalar> {
  /// `[D, B]`, zeros at first.
  let items: UnsafeMutablePointer<Scalar>
  /// `[D, M]`, zeros at first.
  let strangers: UnsafeMutablePointer<Scalar>
  /// M.
  let strangerCount: Int
}

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
    quadrature = ChordQuadrature(
      ChordGradients(queries, setting.run.model.layout),
      into: WrittenIntegral(queries.factors, into: adjoint.parameters), setting.rule,
      noise: setting.noise)
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
    addDecay(step.before, rate: setting.run.learningRates[step.number])
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

  private func addDecay(_ parameters: [Scalar], rate: Double) {
    let weightDecay = setting.run.optimizer.weightDecay
    if weightDecay.rate == 0 { return }
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
    let size = setting.run.batches.size
    var partners: [FactoredIntegral<Scalar>.Partners] =
      step.prepared.items.map {
        [.init(rows: $0.rows, count: $0.count, sums: products.items, stride: size)]
      } ?? []
    var start = 0
    for memory in step.prepared.strangers {
      partners.append(
        .init(
          rows: memory.rows, count: memory.count, sums: products.strangers + start,
          stride: products.strangerCount))
      start += memory.count
    }
    integral.meet(partners)
    if let decayed {
      decayed.memory.base.update(from: step.before, count: decayed.elementCount)
      integral.decayed = decayed
      for query in 0..<queries.count { integral.decay[query] = 0 }
    }
    setting.withEnds(of: step, quadrature.gradients.chord) {
      last = quadrature.integrate(
        ends: setting.ends(step.number, queries), allowed: setting.allowed(step.number, queries),
        last: last.flatMap { $0.step == step.number + 1 ? $0.node : nil }
      ).map { (step.number, $0) }
    }
    let direct = step.prepared.derivative.direct
    let scale = direct * step.clipScale
    Scalar.affine(queries.count * size, scale, products.items, 0, products.items)
    Scalar.affine(
      queries.count * products.strangerCount, scale, products.strangers, 0, products.strangers)
    let weightDecay = setting.run.optimizer.weightDecay
    if weightDecay.rate != 0 {
      // Without state, coupled and decoupled decay are the same.
      let rate = setting.run.learningRates[step.number] * weightDecay.rate
      for query in 0..<queries.count { decay[query] -= rate * integral.decay[query] }
    }
  }
}

/// What all blocks of a credit sweep share.
struct CreditSetting<Scalar: TensorScalar> {
  let run: TrainingRun<Scalar>
  /// How the gradients of a batch's items are made of factors.
  let items: GradientFactors<Scalar>
  let strangers: GradientFactors<Scalar>?
  let rule: QuadratureRule
  let path: MeasuredPath
  let tolerance: Double
  /// The row of the path that belongs to each query.
  let rowOf: [Int: Int]

  /// What rounding alone may make of a difference of two measures, as a share of the larger one.
  var noise: Double { 8 * Double(Scalar.ulpOfOne) }

  /// f of each query before and after a step.
  func ends(_ step: Int, _ queries: QueryBlock<Scalar>) -> [(Double, Double)] {
    queries.range.map { query in
      let row = rowOf[query] ?? 0
      return (path[step, row], path[step + 1, row])
    }
  }

  /// What each query may miss on a step.
  func allowed(_ step: Int, _ queries: QueryBlock<Scalar>) -> [Double] {
    queries.range.map { path.allowedMiss(step, rowOf[$0] ?? 0, tolerance: tolerance) }
  }

  func withEnds(of step: SweptStep<Scalar>, _ chord: Chord<Scalar>, _ body: () -> Void) {
    step.before.withUnsafeBufferPointer { before in
      step.after.withUnsafeBufferPointer { after in
        guard let before = before.baseAddress, let after = after.baseAddress else { return }
        chord.move(from: before, to: after)
        body()
      }
    }
  }
}

/// Marginal: the exact derivative of the final measures, pulled back through every step.
final class MarginalBlock<Scalar: TensorScalar>: SweepBlock {
  let queries: QueryBlock<Scalar>
  var decay: [Double]
  private let adjoint: Adjoint<Scalar>
  private let run: TrainingRun<Scalar>
  private let strangers: GradientFactors<Scalar>?
  private let curvature: CurvatureProduct<Scalar>

  init(
    _ run: TrainingRun<Scalar>, _ queries: QueryBlock<Scalar>,
    _ program: CurvatureProduct<Scalar>.Program, strangers: GradientFactors<Scalar>?
  ) {
    self.run = run
    self.strangers = strangers
    self.queries = queries
    adjoint = Adjoint(queries.count, run.model.layout, run.optimizer)
    curvature = CurvatureProduct(run, program, along: adjoint.gradient)
    decay = [Double](repeating: 0, count: queries.count)
  }

  func begin(at final: UnsafePointer<Scalar>) {
    queries.run(at: final)
    queries.addGradients(of: Array(0..<queries.count), weight: 1, to: adjoint.parameters)
  }

  var carried: [Directions<Scalar>] { [adjoint.parameters] + adjoint.memories }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func goBack(_ step: SweptStep<Scalar>, into products: StepProducts<Scalar>) {
    adjoint.pullBack(step.prepared.derivative, holdsScale: false)
    let (parameters, gradient) = (adjoint.parameters, adjoint.gradient)
    let weightDecay = run.optimizer.weightDecay
    if weightDecay.rate != 0 {
      switch weightDecay.kind {
      case .coupled:
        Scalar.axpy(
          parameters.elementCount, Scalar(weightDecay.rate), gradient.memory.base,
          parameters.memory.base)
      case .decoupled:
        Scalar.affine(
          parameters.elementCount, Scalar(1 - run.learningRates[step.number] * weightDecay.rate),
          parameters.memory.base, 0, parameters.memory.base)
      }
    }
    adjoint.pullBackClipping(step.prepared.gradient, scale: step.clipScale)
    step.before.withUnsafeBufferPointer { before in
      guard let before = before.baseAddress else { return }
      let dots = curvature.multiply(run.batches[step.number], at: before, pool: step.pool)
      products.items.update(from: dots, count: queries.count * run.batches.size)
    }
    Scalar.axpy(
      parameters.elementCount, 1, curvature.products.memory.base, parameters.memory.base)
    strangers?.contractStrangers(step.prepared, with: gradient, into: products)
  }
}

extension GradientFactors {
  /// Products of gradients with those of the strangers of a step.
  func contractStrangers(
    _ prepared: PreparedStep<Scalar>, with gradient: Directions<Scalar>,
    into products: StepProducts<Scalar>
  ) {
    let scratch = AlignedBuffer<Scalar>(contractionScratch(gradient.count), filledWith: 0)
    var start = 0
    for memory in prepared.strangers {
      contract(
        memory.rows, count: memory.count, with: gradient, into: products.strangers + start,
        stride: products.strangerCount, scratch: scratch.base)
      start += memory.count
    }
  }
}

/// The measures of the queries along the run.
struct MeasuredPath: Sendable {
  /// Q.
  let queries: Int
  /// `[S + 1, Q]`, before each step and after the last.
  var values: [Double] = []

  subscript(step: Int, query: Int) -> Double { values[step * queries + query] }

  /// S.
  var steps: Int { values.count / max(queries, 1) - 1 }

  /// Σ |change| over the steps of each query: how far its measure went, back and forth.
  private(set) var movement: [Double] = []

  init(queries: Int) { self.queries = queries }

  /// To be called once all values are known.
  mutating func finish() {
    movement = (0..<queries).map { query in
      (0..<steps).reduce(0.0) { $0 + abs(self[$1 + 1, query] - self[$1, query]) }
    }
  }

  /// What a step may miss so that all together miss at most half of the tolerance times the movement.
  func allowedMiss(_ step: Int, _ query: Int, tolerance: Double) -> Double {
    let change = abs(self[step + 1, query] - self[step, query])
    return tolerance / 4 * max(movement[query] / Double(max(steps, 1)), change)
  }
}
