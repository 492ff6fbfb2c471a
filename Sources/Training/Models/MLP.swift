public import Autodiff
import Formats
public import TensorCore

/// A multilayer perceptron: linear layers with one activation between them.
///
/// Named and laid out as `torch.nn.Sequential(Linear, activation, Linear, …)`: `0.weight` `[O, I]`,
/// `0.bias` `[O]`, `2.weight`, …
public struct MLP: Model {
  /// The activations by name.
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
  }

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

  /// The most parameters that a text may ask for.
  private static let mostParameters = 1 << 28

  /// Reads `mlp:64-32-10:tanh`; the activation is relu where none is named.
  public init(_ specification: String) throws {
    let parts = specification.split(separator: ":", omittingEmptySubsequences: false)
    let fail = { (found: String) in
      ModelError(
        description:
          "model \(FormatError.quoted(specification)): \(found); expected mlp:64-32-10:tanh")
    }
    guard parts.count == 2 || parts.count == 3, parts[0] == "mlp" else {
      throw fail("\(parts.count) parts")
    }
    let widths = parts[1].split(separator: "-", omittingEmptySubsequences: false)
      .map { Int($0) ?? 0 }
    guard widths.count >= 2, widths.allSatisfy({ (1...(1 << 24)).contains($0) }) else {
      throw fail("layer extents \(FormatError.quoted(String(parts[1])))")
    }
    let parameters = zip(widths, widths.dropFirst()).reduce(0) { sum, layer in
      // Each term is below 2⁴⁹, so the sum is stopped long before it could overflow.
      sum > Self.mostParameters ? sum : sum + (layer.0 + 1) * layer.1
    }
    guard parameters <= Self.mostParameters else {
      throw fail("more than \(Self.mostParameters) parameters")
    }
    let name = parts.count == 3 ? String(parts[2]) : Activation.relu.rawValue
    guard let activation = Activation(rawValue: name) else {
      let known = Activation.allCases.map(\.rawValue).joined(separator: ", ")
      throw fail("activation \(FormatError.quoted(name)) is none of \(known)")
    }
    self.init(widths: widths, activation: activation)
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
      if layer < widths.count - 2 { x = activate(&graph, x) }
    }
    return x
  }

  private func activate(_ graph: inout Graph, _ x: NodeID) -> NodeID {
    switch activation {
    case .relu: graph.unary(.relu, x)
    case .tanh: graph.unary(.tanh, x)
    case .sigmoid: graph.unary(.sigmoid, x)
    case .gelu: graph.gelu(x)
    case .geluTanh: graph.geluTanh(x)
    case .silu: graph.silu(x)
    }
  }

  /// Uniform in ±1/√I for the weight and the bias of a layer with I inputs, as in PyTorch.
  public func initialParameters(seed: UInt64) -> [Double] {
    let stream = RandomStream(seed: seed, for: .initialParameters)
    var values: [Double] = []
    values.reserveCapacity(layout.count)
    for (index, entry) in layout.entries.enumerated() {
      let bound = 1 / Double(widths[index / 2]).squareRoot()
      for position in entry.range {
        values.append((2 * stream.uniform(at: UInt64(position)) - 1) * bound)
      }
    }
    return values
  }
}
