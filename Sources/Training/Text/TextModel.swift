import Formats
import TensorCore

extension ModelRegistry {
  /// Makes a model of text, for a vocabulary of so many tokens.
  ///
  /// In the text of a transformer `vocabulary=` may be left out, or be `auto`.
  ///
  /// - Throws: As ``model(_:itemShape:)``; ``TrainingError`` where the model takes no tokens, or
  ///   another number of them.
  public static func textModel(_ specification: String, tokens: Int) throws -> any Model {
    let model = try model(completed(specification, tokens: tokens))
    try requireText(model, tokens: tokens)
    return model
  }

  /// Checks that a model takes `[T]` tokens and tells the next one at each position.
  static func requireText(_ model: any Model, tokens: Int) throws(TrainingError) {
    guard let known = model.vocabulary, model.inputShape.rank == 1,
      model.outputShape == model.inputShape.appending([known])
    else {
      throw .data(
        "the model \(model.specification) predicts no next tokens; expected one such as "
          + Transformer.kind.example)
    }
    guard known == tokens else {
      throw .setting(
        name: "model \(model.specification)", found: "a vocabulary of \(known) tokens",
        expected: "\(tokens), those of the text; leave vocabulary= out to have it so")
    }
  }

  /// The text of a transformer with the number of its tokens.
  private static func completed(_ specification: String, tokens: Int) -> String {
    let (kind, key) = (Transformer.kind.name + ":", "vocabulary=")
    guard specification.hasPrefix(kind) else { return specification }
    var parts = specification.dropFirst(kind.count).split(
      separator: ",", omittingEmptySubsequences: false)
    if let place = parts.firstIndex(where: { $0 == key + "auto" }) { parts.remove(at: place) }
    if parts.contains(where: { $0.hasPrefix(key) }) { return specification }
    return kind + (["\(key)\(tokens)"] + parts).joined(separator: ",")
  }
}
