import Autodiff
import TensorCore
import Training

/// log p of the labelled tokens of queries at any parameters.
struct TokenProbabilities<Scalar: TensorScalar>: Sendable {
  /// Q.
  var count: Int { queries.count }
  private let queries: Dataset<Scalar>
  private let labels: [Int32]
  private let layout: ParameterLayout
  private let plan: Plan<Scalar>

  /// - Parameter queries: Sequences `[Q, T]` with labels.
  init(_ model: any Model, _ queries: Dataset<Scalar>) {
    self.queries = queries
    if case .labels(let labels) = queries.targets { self.labels = labels } else { labels = [] }
    layout = model.layout
    var graph = Graph()
    let inputs = graph.input(ItemGraph.inputsLabel, Shape([1]).appending(model.inputShape))
    let targets = graph.indexInput(
      ItemGraph.targetsLabel, Shape([1]).appending(model.inputShape))
    let parameters = layout.entries.map { graph.input($0.name, $0.shape) }
    let outputs = model.outputs(&graph, inputs: inputs, parameters: parameters)
    let losses = graph.crossEntropy(outputs, labels: targets)
    plan = Plan(graph, outputs: [losses])
  }

  /// log p of each labelled token, for each query in their order, in nats.
  func values(at parameters: [Scalar]) -> [[Double]] {
    let workspace = plan.makeWorkspace()
    let width = queries.targetWidth
    return parameters.withUnsafeBufferPointer { parameters in
      guard let base = parameters.baseAddress else { return [] }
      workspace.bind(layout, of: plan, to: base)
      return (0..<queries.count).map { query in
        let own = Array(labels[query * width..<(query + 1) * width])
        workspace.set(ItemGraph.inputsLabel, queries.inputs.gatheringRows([query]))
        workspace.set(ItemGraph.targetsLabel, indices: own)
        plan.run(workspace)
        let losses = workspace.output(0)
        return own.indices.filter { own[$0] != Dataset<Scalar>.noLabel }
          .map { -Double(losses[$0]) }
      }
    }
  }
}
