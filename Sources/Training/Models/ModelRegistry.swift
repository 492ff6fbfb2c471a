import Formats
public import TensorCore

/// The kinds of models that can be built here.
public enum ModelRegistry {
  /// A new kind adds one line here.
  public static let all: [ModelKind] = [
    MLP.kind, CNN.kind, Transformer.kind,
  ]

  /// Makes the model that a text such as `mlp:64-32-10:tanh` describes, or that an ONNX file holds.
  ///
  /// - Parameters:
  ///   - settings: What a person says about it.
  ///   - known: The names of the arrays of checkpoints, for a file.
  ///   - itemShape: The shape of one item's input where the data say it, for a file.
  /// - Throws: ``ModelError`` that names the part it could not read, or `FormatError` for a file.
  public static func model(
    _ specification: String, settings: ModelSettings = ModelSettings(), known: Set<String> = [],
    itemShape: @autoclosure () throws -> Shape? = nil
  ) throws -> any Model {
    if ONNXModel.isFile(specification) {
      return try ONNXModel(
        path: specification, itemShape: itemShape(), settings: settings, known: known)
    }
    let parts = specification.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = all.first(where: { $0.name == parts[0] }) else {
      let names = all.map { "\($0.name) (\($0.example))" }.joined(separator: ", ")
      throw ModelError(
        description:
          "model \(FormatError.quoted(specification)) is of no known kind: \(names), or a .onnx file"
      )
    }
    let model = try kind.make(specification)
    return settings.isEmpty ? model : try ConfiguredModel(model, settings)
  }
}
