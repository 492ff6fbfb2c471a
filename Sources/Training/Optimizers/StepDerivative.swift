public import TensorCore

/// A step of an optimizer as a linear map of small changes, element by element.
///
/// With the states s_k, the gradient ĝ that enters the rule (clipped, coupled decay added) and the
/// parameters θ, a step makes s'_k from s_k and ĝ, then θ' from θ, the s'_k and ĝ:
///
///     ds'_k = keep_k ds_k + gain_k dĝ
///     dθ'   = dθ + Σ_k move_k ds'_k + direct dĝ
///
/// Decoupled weight decay, which multiplies dθ, and coupled decay, which is in ĝ, are not part of it.
public struct StepDerivative<Scalar: TensorScalar>: Sendable {
  /// A number for all parameters, or one for each.
  public enum Coefficient: Sendable {
    /// The same for all.
    case number(Scalar)
    /// `[P]`.
    case perParameter([Scalar])
  }

  /// How one state vector passes a change on.
  public struct Memory: Sendable {
    /// ∂s'/∂s.
    public var keep: Scalar
    /// ∂s'/∂ĝ.
    public var gain: Coefficient
    /// ∂θ'/∂s'.
    public var move: Coefficient
    /// Whether the state only scales the step.
    ///
    /// Credit holds it fixed then; the derivative through the whole run does not.
    public var isScale = false
  }

  /// ∂θ'/∂ĝ beside the way through the states.
  public var direct: Scalar
  /// One for each of the rule's state names.
  public var memories: [Memory]
  /// `[P]`, what `direct` and each `move` are multiplied by where groups of parameters have learning
  /// rates of their own; nil for ones.
  public var rates: [Scalar]?

  /// A step with these ways through the states.
  public init(direct: Scalar = 0, _ memories: Memory...) {
    self.direct = direct
    self.memories = memories
  }
}

/// Where the derivative of a step is taken.
public struct StepPoint<Scalar: TensorScalar> {
  /// The state after the step.
  public let after: TrainingState<Scalar>
  /// ĝ `[P]`; empty where only what does not depend on it is wanted.
  public let gradient: [Scalar]
  /// η.
  public let rate: Double

  /// A point.
  public init(after: TrainingState<Scalar>, gradient: [Scalar], rate: Double) {
    self.after = after
    self.gradient = gradient
    self.rate = rate
  }
}
