public import Autodiff
import Formats
public import TensorCore

/// A multilayer perceptron: linear layers with one activation between them.
///
/// Named and laid out as `torch.nn.Sequential(Linear, activation, Linear, …)`: `0.weight` `[O, I]`,
/// `0.bias` `[O]`, `2.weight`, …
public struct MLP: Model {
  /// For ``ModelRegistry``.
  public static let kind = ModelKind(
    name: "mlp", summary: "linear layers with one activation between them",
    example: "mlp:64-32-10:tanh", make: { try MLP($0) })

  /// The extents of the layers, inputs first.
  public let widths: [Int]
  /// What stands between the layers.
  public let activation: Activation
  /// The parameters.
  public let layout: ParameterLayout

  /// A network with these layer extents.
  ///
  /// - Precondition: At least two extents, none below one.
  public init(widths: [Int], activation: Activation) {
    precondition(widths.count >= 2 && widths.allSatisfy { $0 >= 1 }, "layer extents \(widths)")
    self.widths = widths
    self.activation = activation
    var parameters: [(String, Shape)] = []
    for layer in 1..<widths.count {
      parameters.append(("\(2 * layer - 2).weight", [widths[layer], widths[layer - 1]]))
      parameters.append(("\(2 * layer - 2).bias", [widths[layer]]))
    }
    layout = ParameterLayout(parameters)
  }

  /// Reads `mlp:64-32-10:tanh`; the activation is relu where none is named.
  public init(_ specification: String) throws {
    let text = SpecificationText(specification, example: Self.kind.example)
    guard text.parts.count == 2 || text.parts.count == 3, text.parts[0] == "mlp" else {
      throw text.fault("\(text.parts.count) parts")
    }
    let widths = text.parts[1].split(separator: "-", omittingEmptySubsequences: false)
      .map { Int($0) ?? 0 }
    guard widths.count >= 2, widths.allSatisfy((1...SpecificationText.mostExtent).contains) else {
      throw text.fault("layer extents \(FormatError.quoted(String(text.parts[1])))")
    }
    _ = try text.count(zip(widths, widths.dropFirst()).map { [$0 + 1, $1] })
    self.init(
      widths: widths, activation: text.parts.count == 3 ? try text.activation(text.parts[2]) : .relu
    )
  }

  /// `mlp:64-32-10:tanh`.
  public var specification: String {
    "mlp:\(widths.map(String.init).joined(separator: "-")):\(activation.rawValue)"
  }

  /// `[I]`.
  public var inputShape: Shape { [widths[0]] }

  /// `[O]`.
  public var outputShape: Shape { [widths[widths.count - 1]] }

  /// x Wᵀ + b and the activation, layer by layer.
  public func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    var x = inputs
    for layer in 0..<widths.count - 1 {
      let product = graph.matmul(x, parameters[2 * layer], transposeB: true)
      x = graph.add(product, parameters[2 * layer + 1])
      if layer < widths.count - 2 { x = activation(&graph, x) }
    }
    return x
  }

  /// Uniform in ±1/√I for the weight and the bias of a layer with I inputs, as in PyTorch.
  public func initialParameters(seed: UInt64) -> [Double] {
    layout.initialValues(seed: seed) { entry in
      .uniform(inputs: widths[(layout.entries.firstIndex(of: entry) ?? 0) / 2])
    }
  }
}
