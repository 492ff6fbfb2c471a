import TensorCore
import Training

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
    for part in carried { part.clear() }
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
    if !run.optimizer.groups.isEmpty {
      pullBackDecay(step.number)
    } else if weightDecay.rate != 0 {
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

  /// Pulls the parameters back through a decay that groups of them have of their own.
  private func pullBackDecay(_ step: Int) {
    let (parameters, gradient) = (adjoint.parameters, adjoint.gradient)
    let layout = run.model.layout
    for part in run.optimizer.parts(of: layout) where part.settings.weightDecay.rate != 0 {
      let rate = part.settings.weightDecay.rate
      for entry in layout.entries where part.range.contains(entry.offset) {
        let (count, own) = (queries.count * entry.shape.count, parameters.entry(entry))
        switch part.settings.weightDecay.kind {
        case .coupled: Scalar.axpy(count, Scalar(rate), gradient.entry(entry), own)
        case .decoupled:
          let kept = 1 - part.rate(at: step, run.learningRates[step]) * rate
          Scalar.affine(count, Scalar(kept), own, 0, own)
        }
      }
    }
  }
}
