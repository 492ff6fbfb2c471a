public import TensorCore

/// Stochastic gradient descent: θ ← θ − ηg.
public enum SGD: Optimizer {
  /// The name in run records and on the command line.
  public static let name = "sgd"
  /// One line for listings.
  public static let summary = "stochastic gradient descent"
  /// None.
  public static let constants: [OptimizerConstant] = []
  /// None.
  public static let stateNames: [String] = []

  /// One step of the rule.
  public static func update<Scalar: TensorScalar>(
    _ block: OptimizerBlock<Scalar>, _ settings: OptimizerSettings, rate: Double, step: Int
  ) {
    block.decay(settings.weightDecay, rate: rate)
    block.move(-rate, block.gradient)
  }

  /// dθ' = dθ − η dĝ.
  public static func derivative<Scalar: TensorScalar>(
    at point: StepPoint<Scalar>, _ settings: OptimizerSettings
  ) -> StepDerivative<Scalar> { StepDerivative(direct: Scalar(-point.rate)) }
}
