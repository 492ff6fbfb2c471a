public import TensorCore

/// Nesterov's momentum: v ← μv + g, θ ← θ − η(g + μv).
///
/// Source: Sutskever, Martens, Dahl and Hinton 2013, in PyTorch's form.
public enum Nesterov: Optimizer {
  /// The name in run records and on the command line.
  public static let name = "nesterov"
  /// One line for listings.
  public static let summary = "gradient descent with Nesterov's momentum"
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
    Scalar.axpy(block.count, Scalar(settings.momentum), v, block.gradient)
    block.move(-rate, block.gradient)
  }

  /// dv' = μ dv + dĝ, dθ' = dθ − η (dĝ + μ dv').
  public static func derivative<Scalar: TensorScalar>(
    at point: StepPoint<Scalar>, _ settings: OptimizerSettings
  ) -> StepDerivative<Scalar> {
    let (rate, momentum) = (Scalar(point.rate), Scalar(settings.momentum))
    return StepDerivative(
      direct: -rate, .init(keep: momentum, gain: .number(1), move: .number(-rate * momentum)))
  }
}
