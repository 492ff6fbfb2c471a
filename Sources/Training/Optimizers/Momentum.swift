public import TensorCore

/// Gradient descent with momentum: v ← μv + g, θ ← θ − ηv (Polyak 1964, in PyTorch's form).
public enum Momentum: Optimizer {
  /// The name in run records and on the command line.
  public static let name = "momentum"
  /// One line for listings.
  public static let summary = "gradient descent with momentum"
  /// μ.
  public static let constants: [OptimizerConstant] = [.momentum]
  /// v.
  public static let stateNames = ["momentum"]

  /// One step of the rule.
  public static func update<Scalar: TensorScalar>(
    _ block: OptimizerBlock<Scalar>, _ settings: OptimizerSettings, rate: Double, step: Int
  ) {
    block.decay(settings.weightDecay, rate: rate)
    let v = block.accelerate(settings.momentum)
    block.move(-rate, v)
  }

  /// dv' = μ dv + dĝ, dθ' = dθ − η dv'.
  public static func derivative<Scalar: TensorScalar>(
    at point: StepPoint<Scalar>, _ settings: OptimizerSettings
  ) -> StepDerivative<Scalar> {
    StepDerivative(
      .init(
        keep: Scalar(settings.momentum), gain: .number(1), move: .number(Scalar(-point.rate))))
  }
}
