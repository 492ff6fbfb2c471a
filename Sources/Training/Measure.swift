public import Autodiff
import TensorCore

/// What is asked of a query's output: one differentiable number, in nats or in units of the logit.
///
/// All but the loss are of a label's class: an item without a label (−100) has no such number.
public enum Measure: String, CaseIterable, Sendable {
  /// The query's own loss. Lower is better.
  case loss
  /// The label's logit z_y.
  case logit
  /// log p_y − log Σ_{c ≠ y} p_c, the log odds of the label.
  case margin
  /// log p_y.
  case logProbability = "log-probability"

  /// One line for listings.
  public var summary: String {
    switch self {
    case .loss: "the query's own loss; lower is better"
    case .logit: "the label's logit"
    case .margin: "log odds of the label, log p - log(1 - p)"
    case .logProbability: "log probability of the label"
    }
  }

  /// Whether a smaller value supports the output.
  public var isLowerBetter: Bool { self == .loss }

  /// Whether the measure needs class labels.
  public var needsLabels: Bool { self != .loss }

  /// Adds the measure `[B]` of outputs `[B, …, C]`; over the positions of a sequence as the loss does.
  public func perItem(
    _ graph: inout Graph, outputs: NodeID, targets: NodeID, loss: Loss
  ) -> NodeID {
    switch self {
    case .loss:
      return loss.perItem(&graph, outputs: outputs, targets: targets)
    case .logit:
      return loss.overPositions(
        &graph, graph.pick(outputs, targets), outputs: outputs, targets: targets)
    case .margin:
      let others = graph.exclude(outputs, targets, value: -.infinity)
      var margin = graph.subtract(graph.pick(outputs, targets), graph.logSumExp(others))
      if graph.shape(margin).rank > 1 {
        // Positions without a label have none of these either.
        let labelled = graph.pick(graph.constant(1, graph.shape(outputs)), targets)
        margin = graph.multiply(margin, labelled)
      }
      return loss.overPositions(&graph, margin, outputs: outputs, targets: targets)
    case .logProbability:
      return graph.negate(
        loss.overPositions(
          &graph, graph.crossEntropy(outputs, labels: targets), outputs: outputs, targets: targets))
    }
  }
}
