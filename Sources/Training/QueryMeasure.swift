public import Autodiff

/// A differentiable number of each query's output: one of ``Measure``, or any other.
public struct QueryMeasure: Sendable {
  /// Adds the number of each item, `[B]`, from outputs `[B] + outputShape` and the targets.
  ///
  /// Item b's number depends on item b's output alone.
  public typealias PerItem =
    @Sendable (_ graph: inout Graph, _ outputs: NodeID, _ targets: NodeID) -> NodeID

  /// What it is called.
  public let name: String
  /// A text that no other number has; nil where there is none, and work on it is not gone on with
  /// after an interruption.
  package let identity: String?
  /// Whether a smaller number supports the output.
  public let isLowerBetter: Bool
  /// Whether queries need class labels.
  public let needsLabels: Bool
  /// How it is computed.
  let perItem: PerItem

  /// A number of one's own.
  ///
  /// An interrupted account of it starts again: two of one name cannot be told apart.
  public init(
    name: String, isLowerBetter: Bool = false, needsLabels: Bool = false, perItem: @escaping PerItem
  ) {
    self.init(
      name: name, isLowerBetter: isLowerBetter, needsLabels: needsLabels, identity: nil,
      perItem: perItem)
  }

  /// A number of this project's own, with a text that no other has.
  package init(
    name: String, isLowerBetter: Bool = false, needsLabels: Bool = false, identity: String?,
    perItem: @escaping PerItem
  ) {
    self.name = name
    self.identity = identity
    self.isLowerBetter = isLowerBetter
    self.needsLabels = needsLabels
    self.perItem = perItem
  }

  /// A measure of a model trained with a loss.
  public init(_ measure: Measure, loss: Loss) {
    self.init(
      name: measure.rawValue, isLowerBetter: measure.isLowerBetter,
      needsLabels: measure.needsLabels, identity: "\(measure.rawValue), \(loss.rawValue)"
    ) { graph, outputs, targets in
      measure.perItem(&graph, outputs: outputs, targets: targets, loss: loss)
    }
  }
}
