public import Autodiff
import TensorCore

/// What training lowers, item by item; the definitions are PyTorch's.
///
/// An item that is a sequence has one label per position; positions labelled −100 count nothing.
public enum Loss: String, CaseIterable, Sendable {
  /// −log softmax(logits)[label]; the mean over the labelled positions of a sequence.
  case crossEntropy = "cross-entropy"
  /// −log softmax(logits)[label], summed over the labelled positions of a sequence.
  case crossEntropySum = "cross-entropy-sum"
  /// The mean over the outputs of −y log σ(z) − (1 − y) log(1 − σ(z)), for targets y from 0 to 1: a
  /// binary classification with one output z, or one for each of several labels.
  case binaryCrossEntropy = "binary-cross-entropy"
  /// The mean over the outputs of (ŷ − y)².
  case squaredError = "squared-error"

  /// Whether targets are class labels rather than numbers.
  public var takesLabels: Bool { self == .crossEntropy || self == .crossEntropySum }

  /// Whether the outputs are logits, so that the loss is counted in nats.
  public var takesLogits: Bool { self != .squaredError }

  /// One line for listings.
  public var summary: String {
    switch self {
    case .crossEntropy: "-log softmax(logits)[label], the mean over the positions of a sequence"
    case .crossEntropySum: "the same, summed over the positions of a sequence"
    case .binaryCrossEntropy:
      "mean over outputs of -y log sigmoid(z) - (1 - y) log(1 - sigmoid(z)), y from 0 to 1"
    case .squaredError: "mean over outputs of (prediction - target)^2"
    }
  }

  /// Adds the losses `[B]` of outputs `[B, …, O]`.
  ///
  /// - Parameter targets: Labels `[B, …]` or numbers `[B, …, O]`, as ``takesLabels`` says.
  public func perItem(_ graph: inout Graph, outputs: NodeID, targets: NodeID) -> NodeID {
    switch self {
    case .crossEntropy, .crossEntropySum:
      return overPositions(
        &graph, graph.crossEntropy(outputs, labels: targets), outputs: outputs, targets: targets)
    case .binaryCrossEntropy:
      let each = graph.subtract(graph.softplus(outputs), graph.multiply(outputs, targets))
      return graph.mean(each, axes: (1..<graph.shape(outputs).rank).map { -$0 })
    case .squaredError:
      let square = graph.unary(.square, graph.subtract(outputs, targets))
      return graph.mean(square, axes: (1..<graph.shape(outputs).rank).map { -$0 })
    }
  }

  /// The mean or sum over an item's positions of numbers `[B, …]` that are 0 where there is no label.
  ///
  /// An item without a label has 0.
  func overPositions(
    _ graph: inout Graph, _ values: NodeID, outputs: NodeID, targets: NodeID
  ) -> NodeID {
    let axes = (1..<graph.shape(values).rank).map { -$0 }
    guard !axes.isEmpty else { return values }
    let sum = graph.sum(values, axes: axes)
    guard self == .crossEntropy else { return sum }
    let labelled = graph.pick(graph.constant(1, graph.shape(outputs)), targets)
    let count = graph.sum(labelled, axes: axes)
    let isNone = graph.affine(graph.unary(.step, count), scale: -1, offset: 1)
    return graph.divide(sum, graph.add(count, isNone))
  }
}
