package import Autodiff
public import TensorCore

/// The compiled step of a run: losses of a batch, and the gradient of their weighted sum.
///
/// Immutable, to be shared by many ``Trainer``s: retraining in bulk compiles once.
public struct TrainingProgram<Scalar: TensorScalar>: Sendable {
  /// The network.
  public let model: any Model
  /// What is lowered.
  public let loss: Loss
  /// The optimizer and its constants.
  public let optimizer: OptimizerSettings
  /// B, the entries of a batch.
  public let batchSize: Int
  /// Output 0 holds the losses `[B]`, output 1 + j the gradient of parameter j.
  package let plan: Plan<Scalar>

  /// The label of the items' weights over b, `[B]`.
  package static var seedLabel: String { "(seed)" }

  /// Compiles the step for batches of B entries.
  public init(_ model: any Model, loss: Loss, optimizer: OptimizerSettings, batchSize: Int) {
    precondition(batchSize > 0, "a batch of \(batchSize) entries")
    self.model = model
    self.loss = loss
    self.optimizer = optimizer
    self.batchSize = batchSize
    var items = ItemGraph(model, loss: loss, batch: batchSize)
    let seed = items.graph.input(Self.seedLabel, [batchSize])
    let gradients = items.gradients(seed: seed)
    plan = Plan(items.graph, outputs: [items.values] + gradients)
  }
}
