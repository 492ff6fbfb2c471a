public import Autodiff
public import Formats
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

  /// V where inputs are tokens, the whole numbers 0 ..< V; nil where they are any numbers.
  var vocabulary: Int? { get }

  /// The file that the model comes from, of which a record takes a copy; nil where the text says all.
  var file: ByteSource? { get }

  /// What a person says about it beside its text.
  var settings: ModelSettings { get }

  /// Whether inputs are whole numbers, such as tokens and masks, that are taken as they are.
  var takesWholeNumbers: Bool { get }

  /// Adds the outputs `[B] + outputShape` of inputs `[B] + inputShape`.
  ///
  /// Item b's output depends on item b's input alone.
  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID

  /// Initial parameters, flat `[P]`: the distribution is PyTorch's default for the same layers, the
  /// numbers are this library's own for the seed.
  func initialParameters(seed: UInt64) -> [Double]
}

extension Model {
  /// Most models take numbers.
  public var vocabulary: Int? { nil }

  /// Tokens are whole numbers.
  public var takesWholeNumbers: Bool { vocabulary != nil }

  /// Most models are what their text says.
  public var settings: ModelSettings { ModelSettings() }

  /// Most models are made from their text.
  public var file: ByteSource? { nil }

  /// What is built from shapes that were checked when the model was made.
  func fitting(_ build: () throws(GraphError) -> NodeID) -> NodeID {
    do {
      return try build()
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// The shape of one item's target: a label for each position, or numbers like the output's.
  public func targetShape(_ loss: Loss) -> Shape {
    loss.takesLabels ? outputShape.dropLast() : outputShape
  }
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
