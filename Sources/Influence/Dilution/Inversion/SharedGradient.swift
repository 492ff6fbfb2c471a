import Autodiff
import TensorCore
package import Training

/// The gradient of a batch as one party of a common training sends it: the mean over its items, and
/// no item by itself.
package struct SharedGradient {
  /// The network.
  let model: MLP
  /// `[P]`, which everybody knows.
  let parameters: [Double]
  /// B, which everybody knows too.
  let count: Int
  /// The gradient of each parameter tensor.
  let parts: [[Double]]

  /// The gradient of the cross-entropy of some items.
  ///
  /// - Precondition: The items fit the model and have a class label each.
  package init(_ model: MLP, parameters: [Double], batch: Dataset<Double>) {
    self.model = model
    self.parameters = parameters
    count = batch.count
    parts = MeanGradient(model, parameters: parameters, batch: batch.count)(
      batch.inputs, batch.labels ?? [])
  }
}

/// Computes mean gradients of batches of one size at some parameters.
///
/// For one thread at a time.
final class MeanGradient {
  private let plan: Plan<Double>
  private let workspace: Workspace<Double>
  private let parameters: AlignedBuffer<Double>

  /// - Parameters:
  ///   - batch: B.
  ///   - wanted: The parameter tensors whose gradients are wanted, by number; all where nil.
  init(_ model: any Model, parameters: [Double], batch: Int, wanted: [Int]? = nil) {
    var items = ItemGraph(model, loss: .crossEntropy, batch: batch)
    let seed = items.graph.constant(1 / Double(batch), [batch])
    let gradients = items.gradients(seed: seed)
    plan = Plan(items.graph, outputs: (wanted ?? Array(gradients.indices)).map { gradients[$0] })
    workspace = plan.makeWorkspace()
    self.parameters = AlignedBuffer(copying: parameters)
    workspace.bind(model.layout, of: plan, to: UnsafePointer(self.parameters.base))
  }

  /// The gradients of a batch with inputs `[B, I]` and its labels.
  func callAsFunction(_ inputs: Tensor<Double>, _ labels: [Int32]) -> [[Double]] {
    workspace.set(ItemGraph.inputsLabel, inputs)
    workspace.set(ItemGraph.targetsLabel, indices: labels)
    plan.run(workspace)
    return (0..<plan.outputShapes.count).map { Array(workspace.output($0)) }
  }
}
