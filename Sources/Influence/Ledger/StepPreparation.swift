import Autodiff
import TensorCore
import Training

/// What all queries need of a step, computed once.
struct PreparedStep<Scalar: TensorScalar> {
  /// The optimizer's step as a linear map.
  var derivative = StepDerivative<Scalar>(direct: 0)
  /// g `[P]` before clipping; empty where nothing depends on it.
  var gradient: [Scalar] = []
  /// Factors of the batch's items; empty where they are not asked for.
  var items: FactorMemory<Scalar>?
  /// Factors of the items never trained on.
  var strangers: [FactorMemory<Scalar>] = []
}

/// Copies of the factors of one batch.
struct FactorMemory<Scalar: TensorScalar> {
  let memory: [AlignedBuffer<Scalar>]
  /// The number of items that count; the others fill the batch up.
  let count: Int

  var rows: FactorRows<Scalar> { FactorRows(base: memory.map { UnsafePointer($0.base) }) }
}

/// One thread's memory for preparing steps.
final class StepPreparation<Scalar: TensorScalar> {
  /// What threads share.
  struct Program: Sendable {
    let run: TrainingRun<Scalar>
    let strangers: Dataset<Scalar>?
    /// Factors of a batch's items; nil where they are not asked for.
    let items: GradientFactors<Scalar>?
    let strangerFactors: GradientFactors<Scalar>?
    /// The batch's gradient; nil where nothing depends on it.
    let gradient: TrainingProgram<Scalar>?

    /// - Parameters:
    ///   - takesFactors: Whether products with the items are made from their factors.
    ///   - differentiatesScale: Whether derivatives go through clipping and second moments.
    init(
      _ problem: LedgerProblem<Scalar>, takesFactors: Bool, differentiatesScale: Bool
    ) throws {
      run = problem.run
      strangers = problem.strangers
      let measure = QueryMeasure(.loss, loss: run.loss)
      items =
        takesFactors
        ? try GradientFactors(
          run.model, loss: run.loss, measure: measure, batch: run.batches.size) : nil
      let model = run.model
      strangerFactors = try problem.strangers.map {
        try GradientFactors(
          model, loss: problem.run.loss, measure: measure,
          batch: min($0.count, Self.strangerBatch))
      }
      let needsGradient =
        differentiatesScale
        && (run.optimizer.clipNorm != nil || run.optimizer.rule.hasScaledSteps)
      gradient =
        needsGradient
        ? TrainingProgram(
          run.model, loss: run.loss, optimizer: run.optimizer, batchSize: run.batches.size) : nil
    }

    private static var strangerBatch: Int { 128 }

    /// The strangers in batches.
    var strangerParts: [Range<Int>] {
      guard let batch = strangerFactors?.batch, let count = strangers?.count else { return [] }
      return stride(from: 0, to: count, by: batch).map { $0..<min($0 + batch, count) }
    }

    /// Elements of memory that a thread needs to prepare steps.
    var workspaceCount: Int {
      let inputs = run.model.inputShape.count + run.model.outputShape.count
      let factors = [items, strangerFactors].compactMap { $0 }
        .reduce(0) { $0 + $1.plan.workspaceCount + $1.batch * inputs }
      let gradients = gradient.map {
        BatchGradient.memoryCount($0, threads: 1)
      }
      return factors + (gradients ?? 0)
    }

    /// Elements of memory that a prepared step takes.
    var stepCount: Int {
      func count(_ factors: GradientFactors<Scalar>) -> Int {
        factors.batch * factors.sourceCount
      }
      return (items.map(count) ?? 0) + (strangerFactors.map(count) ?? 0) * strangerParts.count
        + ((gradient == nil ? 2 : 5) + (run.optimizer.groups.isEmpty ? 0 : 1))
        * run.model.layout.count
    }
  }

  private let program: Program
  private let items: (factors: GradientFactors<Scalar>, run: FactorRun<Scalar>)?
  private let strangers: FactorRun<Scalar>?
  private let gradient: BatchGradient<Scalar>?
  /// `[N]`; nil for ones.
  private let weights: AlignedBuffer<Scalar>?
  /// Stretches with rates and decays of their own; none where all parameters have the run's.
  private let parts: [OptimizerPart]

  init(_ program: Program) {
    self.program = program
    let run = program.run
    items = program.items.map { ($0, FactorRun($0, run)) }
    strangers = program.strangerFactors.map { FactorRun($0, run) }
    parts = run.optimizer.groups.isEmpty ? [] : run.optimizer.parts(of: run.model.layout)
    weights = run.itemWeights.map { AlignedBuffer(copying: $0) }
    gradient = program.gradient.map { BatchGradient($0, threads: 1) }
  }

  /// Prepares a step from the states around it.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func prepare(
    _ step: Int, _ leg: Trajectory<Scalar>.Leg, clipScale: Scalar
  ) -> PreparedStep<Scalar> {
    var prepared = PreparedStep<Scalar>()
    let (run, before) = (program.run, leg.before(step))
    before.parameters.withUnsafeBufferPointer { parameters in
      guard let parameters = parameters.baseAddress else { return }
      if let items {
        items.run.load(run.batches[step], of: run.train.items)
        prepared.items = items.run.run(at: parameters)
      }
      if let strangers, let data = program.strangers {
        prepared.strangers = program.strangerParts.map { part in
          strangers.load(Array(part)[...], of: data)
          return strangers.run(at: parameters)
        }
      }
      if let gradient {
        gradient.load(run.batches[step], of: run.train.items, weights: weights)
        gradient.bind(parameters: parameters)
        gradient.run()
        prepared.gradient = Array(gradient.gradient.elements)
      }
    }
    let rates = parts.isEmpty ? nil : self.rates(step)
    prepared.derivative = run.optimizer.rule.derivative(
      at: StepPoint(
        after: leg.after(step), gradient: entering(prepared.gradient, before, clipScale),
        rate: rates == nil ? run.learningRates[step] : 1), run.optimizer)
    prepared.derivative.rates = rates
    return prepared
  }

  /// The learning rate of each parameter at a step, `[P]`.
  private func rates(_ step: Int) -> [Scalar] {
    var rates = [Scalar](repeating: 0, count: program.run.model.layout.count)
    for part in parts {
      let rate = Scalar(part.rate(at: step, program.run.learningRates[step]))
      for index in part.range { rates[index] = rate }
    }
    return rates
  }

  /// ĝ = κ g + λθ: what enters the rule.
  private func entering(
    _ gradient: [Scalar], _ before: TrainingState<Scalar>, _ clipScale: Scalar
  ) -> [Scalar] {
    guard !gradient.isEmpty else { return [] }
    var entering = gradient
    let decay = program.run.optimizer.weightDecay
    Scalar.affine(entering.count, clipScale, gradient, 0, &entering)
    if decay.kind == .coupled, !parts.isEmpty {
      for part in parts {
        let rate = Scalar(part.settings.weightDecay.rate)
        for index in part.range { entering[index] += rate * before.parameters[index] }
      }
    } else if decay.kind == .coupled, decay.rate != 0 {
      Scalar.axpy(entering.count, Scalar(decay.rate), before.parameters, &entering)
    }
    return entering
  }
}

/// Runs a batch for its factors.
final class FactorRun<Scalar: TensorScalar> {
  private let factors: GradientFactors<Scalar>
  private let workspace: Workspace<Scalar>
  private let batch: BatchMemory<Scalar>
  private var count = 0

  init(_ factors: GradientFactors<Scalar>, _ run: TrainingRun<Scalar>) {
    self.factors = factors
    workspace = factors.plan.makeWorkspace()
    batch = BatchMemory(run.model, loss: run.loss, batch: factors.batch)
    batch.bind(workspace, factors.plan)
  }

  func load(_ rows: ArraySlice<Int>, of data: Dataset<Scalar>) {
    batch.load(rows, of: data, weights: nil)
    count = rows.count
  }

  /// A copy of the factors at some parameters.
  func run(at parameters: UnsafePointer<Scalar>) -> FactorMemory<Scalar> {
    workspace.bind(factors.layout, of: factors.plan, to: parameters)
    factors.plan.run(workspace)
    let memory = factors.sources.map { source in
      let copy = AlignedBuffer<Scalar>(
        factors.batch * source.count, filledWith: 0)
      let from =
        source.output.flatMap { workspace.output($0).baseAddress }
        ?? UnsafePointer(batch.inputs.base)
      copy.base.update(from: from, count: copy.count)
      return copy
    }
    return FactorMemory(memory: memory, count: count)
  }
}
