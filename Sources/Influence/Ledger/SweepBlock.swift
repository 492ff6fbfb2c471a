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
  var adjoint: Adjoint<Scalar> { get }
  /// What weight decay did to each query's measure, `[D]`, in the steps gone through.
  var decay: [Double] { get set }

  /// Begins after the last step.
  func begin(at final: UnsafePointer<Scalar>)

  /// Goes back through a step.
  ///
  /// - Parameter dots: What the step's entries add to the measure per unit of their weight over b,
  ///   `[D, B]`.
  func goBack(
    _ step: Int, of leg: Trajectory<Scalar>.Leg, _ prepared: PreparedStep<Scalar>,
    clipScale: Scalar, pool: WorkerPool?, dots: UnsafeMutablePointer<Scalar>)
}

/// Credit: chord gradients, shared out among the items that made each step.
final class CreditBlock<Scalar: TensorScalar>: SweepBlock {
  let queries: QueryBlock<Scalar>
  let adjoint: Adjoint<Scalar>
  var decay: [Double]
  private let run: TrainingRun<Scalar>
  private let factors: GradientFactors<Scalar>
  private let chord: ChordGradient<Scalar>
  private let scratch: AlignedBuffer<Scalar>
  /// f before each step and after the last, `[S + 1, Q]`.
  private let values: MeasuredPath
  /// What each query may miss on a step.
  private let allowed: (_ step: Int, _ query: Int) -> Double

  init(
    _ run: TrainingRun<Scalar>, _ queries: QueryBlock<Scalar>, _ factors: GradientFactors<Scalar>,
    rule: QuadratureRule, values: MeasuredPath, tolerance: Double
  ) {
    self.run = run
    self.queries = queries
    self.factors = factors
    self.values = values
    adjoint = Adjoint(queries.count, run.model.layout, run.optimizer)
    chord = ChordGradient(queries, rule, run.model.layout)
    scratch = AlignedBuffer(factors.contractionScratch(queries.count), filledWith: 0)
    decay = [Double](repeating: 0, count: queries.count)
    allowed = { values.allowedMiss($0, $1, tolerance: tolerance) }
  }

  func begin(at final: UnsafePointer<Scalar>) {}

  func goBack(
    _ step: Int, of leg: Trajectory<Scalar>.Leg, _ prepared: PreparedStep<Scalar>,
    clipScale: Scalar, pool: WorkerPool?, dots: UnsafeMutablePointer<Scalar>
  ) {
    let first = queries.range.lowerBound
    chord.average(
      step, of: leg, values: { self.values[$0, first + $1] },
      allowed: (0..<queries.count).map { allowed(step, first + $0) }, into: adjoint.parameters)
    adjoint.pullBack(prepared.derivative, holdsScale: true)
    addDecay(leg.before(step).parameters, rate: run.learningRates[step])
    guard let items = prepared.items else { return }
    factors.contract(
      items.rows, count: items.count, with: adjoint.gradient, into: dots, stride: items.count,
      scratch: scratch.base)
    if clipScale != 1 {
      Scalar.affine(queries.count * items.count, clipScale, dots, 0, dots)
    }
  }

  private func addDecay(_ parameters: [Scalar], rate: Double) {
    let weightDecay = run.optimizer.weightDecay
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

/// Marginal: the exact derivative of the final measures, pulled back through every step.
final class MarginalBlock<Scalar: TensorScalar>: SweepBlock {
  let queries: QueryBlock<Scalar>
  let adjoint: Adjoint<Scalar>
  var decay: [Double]
  private let run: TrainingRun<Scalar>
  private let curvature: CurvatureProduct<Scalar>

  init(
    _ run: TrainingRun<Scalar>, _ queries: QueryBlock<Scalar>,
    _ program: CurvatureProduct<Scalar>.Program
  ) {
    self.run = run
    self.queries = queries
    adjoint = Adjoint(queries.count, run.model.layout, run.optimizer)
    curvature = CurvatureProduct(run, program, along: adjoint.gradient)
    decay = [Double](repeating: 0, count: queries.count)
  }

  func begin(at final: UnsafePointer<Scalar>) {
    queries.run(at: final)
    queries.addGradients(of: Array(0..<queries.count), weight: 1, to: adjoint.parameters)
  }

  func goBack(
    _ step: Int, of leg: Trajectory<Scalar>.Leg, _ prepared: PreparedStep<Scalar>,
    clipScale: Scalar, pool: WorkerPool?, dots: UnsafeMutablePointer<Scalar>
  ) {
    adjoint.pullBack(prepared.derivative, holdsScale: false)
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
          parameters.elementCount, Scalar(1 - run.learningRates[step] * weightDecay.rate),
          parameters.memory.base, 0, parameters.memory.base)
      }
    }
    adjoint.pullBackClipping(prepared.gradient, scale: clipScale)
    leg.before(step).parameters.withUnsafeBufferPointer { before in
      guard let before = before.baseAddress else { return }
      let products = curvature.multiply(run.batches[step], at: before, pool: pool)
      dots.update(from: products, count: queries.count * run.batches.size)
    }
    Scalar.axpy(
      parameters.elementCount, 1, curvature.products.memory.base, parameters.memory.base)
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
