public import TensorCore

/// Everything that the next step of a run depends on, besides its batch and its learning rate.
public struct TrainingState<Scalar: TensorScalar>: Equatable, Sendable {
  /// The number of steps taken.
  public var step: Int
  /// `[P]`, in the order of the model's layout.
  public var parameters: [Scalar]
  /// One vector `[P]` for each of the optimizer's state names.
  public var optimizer: [[Scalar]]

  /// A state.
  public init(step: Int, parameters: [Scalar], optimizer: [[Scalar]]) {
    self.step = step
    self.parameters = parameters
    self.optimizer = optimizer
  }

  /// The state before the first step.
  public init(initial parameters: [Scalar], _ settings: OptimizerSettings) {
    self.init(
      step: 0, parameters: parameters,
      optimizer: settings.rule.stateNames.map { _ in
        [Scalar](repeating: 0, count: parameters.count)
      })
  }
}
