public import TensorCore

/// Adam with a weight decay that is not scaled with the gradient (Loshchilov & Hutter 2019,
/// algorithm 2, in PyTorch's form).
public enum AdamW: Optimizer {
  /// The name in run records and on the command line.
  public static let name = "adamw"
  /// One line for listings.
  public static let summary = "Adam with decoupled weight decay"
  /// β₁, β₂ and ε.
  public static let constants = Adam.constants
  /// m and v.
  public static let stateNames = Adam.stateNames
  /// Steps are divided by the root of a mean of squared gradients.
  public static let hasScaledSteps = true
  /// Decay acts on the parameters themselves.
  public static let defaultDecay = WeightDecay.Kind.decoupled

  /// One step of the rule.
  public static func update<Scalar: TensorScalar>(
    _ block: OptimizerBlock<Scalar>, _ settings: OptimizerSettings, rate: Double, step: Int
  ) { Adam.update(block, settings, rate: rate, step: step) }

  /// As that of ``Adam``.
  public static func derivative<Scalar: TensorScalar>(
    at point: StepPoint<Scalar>, _ settings: OptimizerSettings
  ) -> StepDerivative<Scalar> { Adam.derivative(at: point, settings) }
}
