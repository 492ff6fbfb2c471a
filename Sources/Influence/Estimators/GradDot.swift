public import TensorCore
public import Training

/// ⟨∇f_q, ∇ℓ_i⟩ at the last checkpoint: what a step of rate 1 on the item alone would do at first
/// order.
public enum GradDot: GradientEstimator {
  /// The name on the command line.
  public static let name = "grad-dot"
  /// One line for listings.
  public static let summary = "inner product of gradients at the last checkpoint"

  /// Per unit of learning rate.
  public static func unit(_ measure: Measure, loss: Loss, weights: CheckpointWeights) -> String? {
    "\(measure.unit(loss)) per unit of learning rate"
  }

  /// The last checkpoint, weight 1.
  public static func problem<Scalar: TensorScalar>(
    _ setting: ScoreSetting<Scalar>
  ) -> ScoreProblem<Scalar> { setting.problem(setting.final) }
}
