public import TensorCore
public import Training

/// TracInCP: Σ_k w_ki ⟨∇f_q, ∇ℓ_i⟩ over checkpoints.
///
/// Pruthi et al. 2020, section 3.2.
///
/// For a recorded run the weight is what the item really got: the sum of learning rate over batch
/// size of the steps from the checkpoint to the next that held the item. The score then is in the
/// unit of the measure. For checkpoints given by hand the weight is the number beside each.
public enum TracIn: GradientEstimator {
  /// The name on the command line.
  public static let name = "tracin"
  /// One line for listings.
  public static let summary = "inner products of gradients over checkpoints, weighted by the steps"
  /// It sums over checkpoints.
  public static let usesTrajectory = true

  /// The unit of the measure where the weights are the steps taken, else none.
  public static func unit(_ measure: Measure, loss: Loss, weights: CheckpointWeights) -> String? {
    weights == .steps ? measure.unit(loss) : nil
  }

  /// Every checkpoint with its weight.
  public static func problem<Scalar: TensorScalar>(
    _ setting: ScoreSetting<Scalar>
  ) -> ScoreProblem<Scalar> { setting.problem(setting.checkpoints) }
}

/// TracInCP over the parameters of the last layer only, bias included.
///
/// It misses what the earlier layers memorised (Feldman & Zhang 2020, section 4.3).
public enum TracInLastLayer: GradientEstimator {
  /// The name on the command line.
  public static let name = "tracin-last-layer"
  /// One line for listings.
  public static let summary = "tracin over the last layer's parameters only, or those of --layer"
  /// It sums over checkpoints.
  public static let usesTrajectory = true

  /// As that of ``TracIn``.
  public static func unit(_ measure: Measure, loss: Loss, weights: CheckpointWeights) -> String? {
    TracIn.unit(measure, loss: loss, weights: weights)
  }

  /// Every checkpoint with its weight, the last layer only.
  public static func problem<Scalar: TensorScalar>(
    _ setting: ScoreSetting<Scalar>
  ) -> ScoreProblem<Scalar> { setting.problem(setting.checkpoints, layers: .last) }
}
