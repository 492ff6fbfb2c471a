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
}
