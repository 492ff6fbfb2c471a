public import Autodiff
import TensorCore

/// What training lowers, item by item; the definitions are PyTorch's.
public enum Loss: String, CaseIterable, Sendable {
  /// −log softmax(logits)[label]; items labelled −100 count nothing.
  case crossEntropy = "cross-entropy"
  /// The mean over the outputs of (ŷ − y)².
  case squaredError = "squared-error"

  /// Whether targets are class labels rather than numbers.
  public var takesLabels: Bool { self == .crossEntropy }

  /// One line for listings.
  public var summary: String {
    switch self {
    case .crossEntropy: "-log softmax(logits)[label]"
    case .squaredError: "mean over outputs of (prediction - target)^2"
    }
  }

  /// Adds the losses `[B]` of outputs `[B, O]`.
  ///
  /// - Parameter targets: Labels `[B]` or numbers `[B, O]`, as ``takesLabels`` says.
  public func perItem(_ graph: inout Graph, outputs: NodeID, targets: NodeID) -> NodeID {
    switch self {
    case .crossEntropy:
      return graph.crossEntropy(outputs, labels: targets)
    case .squaredError:
      let square = graph.unary(.square, graph.subtract(outputs, targets))
      return graph.mean(square, axes: (1..<graph.shape(outputs).rank).map { -$0 })
    }
  }
}
