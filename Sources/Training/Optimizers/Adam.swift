import RealModule
public import TensorCore

/// Adam: steps scaled by the root of the mean squared gradient (Kingma & Ba 2015, algorithm 1).
///
/// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − η m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and
/// v̂ = v / (1 − β₂ᵗ) at step t, counted from 1.
public enum Adam: Optimizer {
  /// The name in run records and on the command line.
  public static let name = "adam"
  /// One line for listings.
  public static let summary = "steps scaled by the root of the mean squared gradient"
  /// β₁, β₂ and ε.
  public static let constants: [OptimizerConstant] = [.beta1, .beta2, .epsilon]
  /// m and v.
  public static let stateNames = ["first-moment", "second-moment"]
  /// Steps are divided by the root of a mean of squared gradients.
  public static let hasScaledSteps = true

  /// One step of the rule.
  public static func update<Scalar: TensorScalar>(
    _ block: OptimizerBlock<Scalar>, _ settings: OptimizerSettings, rate: Double, step: Int
  ) {
    block.decay(settings.weightDecay, rate: rate)
    let (m, v, scratch) = (block.state(0), block.state(1), block.scratch)
    let (beta1, beta2) = (settings.beta1, settings.beta2)
    Scalar.affine(block.count, Scalar(beta1), m, 0, m)
    Scalar.axpy(block.count, Scalar(1 - beta1), block.gradient, m)
    Scalar.map(.square, block.count, block.gradient, scratch)
    Scalar.affine(block.count, Scalar(beta2), v, 0, v)
    Scalar.axpy(block.count, Scalar(1 - beta2), scratch, v)
    // m / (√v / √(1 − β₂ᵗ) + ε)
    let correction1 = 1 - Double.pow(beta1, step)
    let correction2 = (1 - Double.pow(beta2, step)).squareRoot()
    Scalar.map(.sqrt, block.count, v, scratch)
    Scalar.affine(block.count, Scalar(1 / correction2), scratch, Scalar(settings.epsilon), scratch)
    Scalar.zip(.divide, block.count, m, true, scratch, true, scratch)
    block.move(-rate / correction1, scratch)
  }

  /// dm' = β₁ dm + (1 − β₁) dĝ, dv' = β₂ dv + 2 (1 − β₂) ĝ dĝ, and with r = √v̂:
  /// dθ' = dθ − η / (1 − β₁ᵗ) · (dm' / (r + ε) − m' dv' / ((r + ε)² · 2 r (1 − β₂ᵗ))).
  ///
  /// Where v' is zero no gradient has come yet, and neither dv' nor what it is multiplied by moves
  /// anything.
  public static func derivative<Scalar: TensorScalar>(
    at point: StepPoint<Scalar>, _ settings: OptimizerSettings
  ) -> StepDerivative<Scalar> {
    let (m, v, step) = (point.after.optimizer[0], point.after.optimizer[1], point.after.step)
    let rate = Scalar(point.rate / (1 - Double.pow(settings.beta1, step)))
    let correction = Scalar(1 - Double.pow(settings.beta2, step))
    let count = m.count
    var root = [Scalar](repeating: 0, count: count)
    var first = root
    var scratch = root
    var (one, two) = (Scalar(1), -rate)
    // r, then r + ε, then −η̂ / (r + ε).
    Scalar.affine(count, 1 / correction, v, 0, &scratch)
    Scalar.map(.sqrt, count, scratch, &root)
    Scalar.affine(count, 1, root, Scalar(settings.epsilon), &scratch)
    Scalar.zip(.divide, count, &two, false, scratch, true, &first)
    let memory = StepDerivative<Scalar>.Memory(
      keep: Scalar(settings.beta1), gain: .number(Scalar(1 - settings.beta1)),
      move: .perParameter(first))
    guard !point.gradient.isEmpty else {
      return StepDerivative(
        memory,
        .init(keep: Scalar(settings.beta2), gain: .number(0), move: .number(0), isScale: true))
    }
    // η̂ m' / ((r + ε)² · 2 r · correction)
    var second = root
    Scalar.zip(.multiply, count, scratch, true, scratch, true, &scratch)
    Scalar.zip(.multiply, count, scratch, true, root, true, &scratch)
    Scalar.affine(count, 2 * correction, scratch, 0, &scratch)
    Scalar.zip(.divide, count, &one, false, scratch, true, &scratch)
    Scalar.zip(.multiply, count, m, true, scratch, true, &second)
    Scalar.affine(count, rate, second, 0, &second)
    Self.clearUnmoved(v, &second)
    var gain = point.gradient
    Scalar.affine(count, Scalar(2 * (1 - settings.beta2)), gain, 0, &gain)
    return StepDerivative(
      memory,
      .init(
        keep: Scalar(settings.beta2), gain: .perParameter(gain), move: .perParameter(second),
        isScale: true))
  }

  /// Zeros where no gradient has come yet.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private static func clearUnmoved<Scalar: TensorScalar>(_ v: [Scalar], _ moves: inout [Scalar]) {
    for index in v.indices where !(v[index] > 0 && moves[index].isFinite) { moves[index] = 0 }
  }
}
