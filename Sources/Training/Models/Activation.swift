public import Autodiff
import TensorCore

/// The activations of built models, by name.
public enum Activation: String, CaseIterable, Sendable {
  /// max(0, x).
  case relu
  /// tanh x.
  case tanh
  /// 1 / (1 + exp −x).
  case sigmoid
  /// x Φ(x).
  case gelu
  /// GELU in its form with tanh.
  case geluTanh = "gelu-tanh"
  /// x sigmoid(x).
  case silu

  /// Adds the activation of x.
  public func callAsFunction(_ graph: inout Graph, _ x: NodeID) -> NodeID {
    switch self {
    case .relu: graph.unary(.relu, x)
    case .tanh: graph.unary(.tanh, x)
    case .sigmoid: graph.unary(.sigmoid, x)
    case .gelu: graph.gelu(x)
    case .geluTanh: graph.geluTanh(x)
    case .silu: graph.silu(x)
    }
  }
}
