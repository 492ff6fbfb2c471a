public import Autodiff
public import TensorCore

/// A network: the graph from a batch of items to outputs, and its parameters.
public protocol Model: Sendable {
  /// The text that makes this model again, such as `mlp:64-32-10:tanh`.
  var specification: String { get }
  /// The parameters.
  var layout: ParameterLayout { get }
  /// The shape of one item's input, such as `[64]`.
  var inputShape: Shape { get }
  /// The shape of one item's output, such as `[10]`.
  var outputShape: Shape { get }

  /// Adds the outputs `[B] + outputShape` of inputs `[B] + inputShape`.
  ///
  /// Item b's output depends on item b's input alone.
  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID

  /// Initial parameters, flat `[P]`: the distribution is PyTorch's default for the same layers, the
  /// numbers are this library's own for the seed.
  func initialParameters(seed: UInt64) -> [Double]
}

/// How to make models of one kind from text.
public struct ModelKind: Sendable {
  /// What stands before the first colon of the text.
  public let name: String
  /// One line for listings.
  public let summary: String
  /// An example of the text.
  public let example: String
  /// Reads the text after the first colon.
  public let make: @Sendable (_ specification: String) throws -> any Model
}

/// A model text that cannot be read.
public struct ModelError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One line for the person.
  public let description: String
}
