public import TensorCore
public import Training

/// The cosine between ∇f_q and ∇ℓ_i at the last checkpoint.
///
/// It drops magnitudes, so scores of different items do not add up.
public enum GradCos: GradientEstimator {
  /// The name on the command line.
  public static let name = "grad-cos"
  /// One line for listings.
  public static let summary = "cosine of gradients at the last checkpoint"

  /// A cosine has no unit.
  public static func unit(_ measure: Measure, loss: Loss, weights: CheckpointWeights) -> String? {
    nil
  }

  /// The last checkpoint, gradients divided by their norms.
  public static func problem<Scalar: TensorScalar>(
    _ setting: ScoreSetting<Scalar>
  ) -> ScoreProblem<Scalar> { setting.problem(setting.final, isCosine: true) }
}
