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
  /// The batch in the parts that go through the network together.
  package let chunks: Blocks
  /// Output 0 holds the losses of a chunk, output 1 + j the gradient of parameter j.
  package let plan: Plan<Scalar>

  /// The label of the items' weights over b, `[B]`.
  package static var seedLabel: String { "(seed)" }

  /// Compiles the step for batches of B entries.
  public init(_ model: any Model, loss: Loss, optimizer: OptimizerSettings, batchSize: Int) {
    self.init(model, loss: loss, optimizer: optimizer, batchSize: batchSize, chunkSize: nil)
  }

  /// The same with chunks of a given size, for tests.
  package init(
    _ model: any Model, loss: Loss, optimizer: OptimizerSettings, batchSize: Int, chunkSize: Int?
  ) {
    precondition(batchSize > 0, "a batch of \(batchSize) entries")
    self.model = model
    self.loss = loss
    self.optimizer = optimizer
    self.batchSize = batchSize
    let whole = Self.plan(model, loss: loss, batch: batchSize)
    let size =
      chunkSize
      ?? Self.chunkSize(
        batchSize, perItem: whole.workspaceCount / batchSize, parameters: model.layout.count)
    plan = size < batchSize ? Self.plan(model, loss: loss, batch: size) : whole
    chunks = Blocks(batchSize, size: size)
  }

  private static func plan(_ model: any Model, loss: Loss, batch: Int) -> Plan<Scalar> {
    var items = ItemGraph(model, loss: loss, batch: batch)
    let seed = items.graph.input(seedLabel, [batch])
    let gradients = items.gradients(seed: seed)
    return Plan(items.graph, outputs: [items.values] + gradients)
  }

  /// Items of a chunk: as many as stay in one processor's own cache on their way, at most eight
  /// chunks, and none so small that summing gradients would count; the whole batch where that is
  /// small.
  private static func chunkSize(_ batch: Int, perItem: Int, parameters: Int) -> Int {
    guard batch * perItem > 1 << 19 else { return batch }
    var size = 1
    while size < batch,
      2 * size * perItem <= 1 << 18 || 8 * size < batch || size * perItem < parameters
    {
      size *= 2
    }
    // As many chunks, as equal as they can be.
    let chunks = (batch + size - 1) / size
    return (batch + chunks - 1) / chunks
  }
}
