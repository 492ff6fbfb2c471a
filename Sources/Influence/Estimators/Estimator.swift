public import TensorCore
public import Training

/// A method that scores the training items of a model for its outputs.
///
/// A new method is one file with a type that conforms to ``GradientEstimator`` or to
/// ``TextEstimator``, and one line in ``EstimatorRegistry``.
public protocol Estimator: Sendable {
  /// The name on the command line.
  static var name: String { get }
  /// One line for listings.
  static var summary: String { get }
  /// Whether it wants every checkpoint of a run rather than the last.
  static var usesTrajectory: Bool { get }

  /// What the numbers are counted in, in words; nil where they have no unit.
  static func unit(_ measure: Measure, loss: Loss, weights: CheckpointWeights) -> String?
}

/// A method that turns gradients into scores.
public protocol GradientEstimator: Estimator {
  /// The score problem whose solution the method is.
  static func problem<Scalar: TensorScalar>(_ setting: ScoreSetting<Scalar>) -> ScoreProblem<Scalar>
}

/// A method that looks at texts alone, not at what a model made of them.
public protocol TextEstimator: Estimator {
  /// What a score says, for readers.
  static var meaning: String { get }
  /// The scores `[Q][N]` of passages for other texts.
  static func scores(of passages: [[UInt8]], for queries: [[UInt8]]) -> [[Double]]
}

extension Estimator {
  /// Most methods look at the last checkpoint only.
  public static var usesTrajectory: Bool { false }
}

/// What every method starts from.
public struct ScoreSetting<Scalar: TensorScalar>: Sendable {
  /// The network.
  public var model: any Model
  /// What the items were trained with.
  public var loss: Loss
  /// What is asked of the queries.
  public var measure: Measure
  /// The training items.
  public var items: Dataset<Scalar>
  /// The queries.
  public var queries: Dataset<Scalar>
  /// The checkpoints in their order, with the weights that a trajectory method gives them.
  public var checkpoints: [WeightedCheckpoint<Scalar>]
  /// Whether the queries are taken together.
  public var aggregatesQueries: Bool
  /// Which parameters' gradients are compared; a method of the last layer takes that where all are
  /// meant.
  public var layers: Layers

  /// A setting from its parts.
  public init(
    model: any Model, loss: Loss, measure: Measure = .loss, items: Dataset<Scalar>,
    queries: Dataset<Scalar>, checkpoints: [WeightedCheckpoint<Scalar>],
    aggregatesQueries: Bool = false, layers: Layers = .all
  ) {
    self.model = model
    self.loss = loss
    self.measure = measure
    self.items = items
    self.queries = queries
    self.checkpoints = checkpoints
    self.aggregatesQueries = aggregatesQueries
    self.layers = layers
  }

  /// The problem at these checkpoints.
  func problem(
    _ checkpoints: [WeightedCheckpoint<Scalar>], layers whole: Layers = .all,
    isCosine: Bool = false
  ) -> ScoreProblem<Scalar> {
    ScoreProblem(
      model: model, loss: loss, measure: measure, items: items, queries: queries,
      checkpoints: checkpoints, layers: layers == .all ? whole : layers, isCosine: isCosine,
      aggregatesQueries: aggregatesQueries)
  }

  /// The last checkpoint with weight 1.
  var final: [WeightedCheckpoint<Scalar>] {
    checkpoints.suffix(1).map { WeightedCheckpoint(parameters: $0.parameters) }
  }
}

/// What the weights of checkpoints stand for.
public enum CheckpointWeights: Sendable {
  /// The steps of plain gradient descent, as a record has them: weighted gradients are what moved
  /// the parameters.
  case steps
  /// Anything else: weights given by hand, or the steps of another optimizer or of parameters that
  /// have rates of their own.
  case relative
}

extension RunRecord {
  /// What the weights of this run's checkpoints stand for.
  public var checkpointWeights: CheckpointWeights {
    manifest.optimizer.name == SGD.name && manifest.optimizer.groups.isEmpty ? .steps : .relative
  }
}

extension Measure {
  /// What changes of the measure are counted in.
  public func unit(_ loss: Loss) -> String {
    switch self {
    case .loss:
      loss.takesLogits ? "nats of the query's loss" : "units of the query's loss"
    case .logit: "units of the label's logit"
    case .margin: "nats of log odds"
    case .logProbability: "nats of log probability"
    }
  }
}
