import TensorCore
import Training

/// What D outputs would gain from small changes of a run's state, carried backwards through its steps.
///
/// For one thread at a time.
final class Adjoint<Scalar: TensorScalar> {
  /// By the parameters after the step: what is pulled back next.
  let parameters: Directions<Scalar>
  /// By each state of the optimizer.
  let memories: [Directions<Scalar>]
  /// By the gradient ĝ that entered the step pulled back last.
  let gradient: Directions<Scalar>

  private let layout: ParameterLayout
  /// Room for what is multiplied by rates of its own for each parameter; nil where there are none.
  private let scaled: Directions<Scalar>?

  init(_ count: Int, _ layout: ParameterLayout, _ optimizer: OptimizerSettings) {
    self.layout = layout
    parameters = Directions(count, layout)
    scaled = optimizer.groups.isEmpty ? nil : Directions(count, layout)
    gradient = Directions(count, layout)
    memories = optimizer.rule.stateNames.map { _ in Directions(count, layout) }
  }

  /// Pulls ``parameters`` back through a step: to ``gradient``, and to the states before it.
  ///
  /// - Parameter holdsScale: Whether states that only scale the step are held fixed.
  func pullBack(_ step: StepDerivative<Scalar>, holdsScale: Bool) {
    let count = parameters.elementCount
    var moved = parameters
    if let rates = step.rates, let scaled {
      scaled.clear()
      addProduct(.perParameter(rates), parameters, to: scaled)
      moved = scaled
    }
    Scalar.affine(count, step.direct, moved.memory.base, 0, gradient.memory.base)
    for (memory, state) in zip(memories, step.memories) where !(holdsScale && state.isScale) {
      addProduct(state.move, moved, to: memory)
      addProduct(state.gain, memory, to: gradient)
      Scalar.affine(count, state.keep, memory.memory.base, 0, memory.memory.base)
    }
  }

  /// target += coefficient ⊙ x.
  private func addProduct(
    _ coefficient: StepDerivative<Scalar>.Coefficient, _ x: Directions<Scalar>,
    to target: Directions<Scalar>
  ) {
    switch coefficient {
    case .number(let number):
      if number == 0 { return }
      Scalar.axpy(x.elementCount, number, x.memory.base, target.memory.base)
    case .perParameter(let numbers):
      numbers.withUnsafeBufferPointer { numbers in
        guard let base = numbers.baseAddress else { return }
        for entry in layout.entries {
          for row in 0..<x.count {
            Scalar.multiplyAdd(
              entry.shape.count, x.row(row, of: entry), 0, base + entry.offset,
              target.row(row, of: entry))
          }
        }
      }
    }
  }

  /// Pulls ``gradient`` back through clipping: from κ g to g, where κ = c / (|g| + margin) < 1.
  ///
  /// - Parameters:
  ///   - unclipped: g `[P]`.
  ///   - scale: κ.
  func pullBackClipping(_ unclipped: [Scalar], scale: Scalar) {
    guard scale < 1 else { return }
    unclipped.withUnsafeBufferPointer { unclipped in
      guard let base = unclipped.baseAddress else { return }
      let norm = Double(Scalar.dot(unclipped.count, base, base)).squareRoot()
      guard norm > 0 else { return }
      for row in 0..<gradient.count {
        // dκ = −κ / (|g| + margin) · ⟨g, dg⟩ / |g|
        let along = gradient.dot(row, base)
        let share = Double(scale) * along / ((norm + OptimizerSettings.clipMargin) * norm)
        for entry in layout.entries {
          let target = gradient.row(row, of: entry)
          Scalar.affine(entry.shape.count, scale, target, 0, target)
          Scalar.axpy(entry.shape.count, Scalar(-share), base + entry.offset, target)
        }
      }
    }
  }
}
