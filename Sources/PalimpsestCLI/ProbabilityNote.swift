import Palimpsest

extension Output {
  /// Says where a loss of logits meets outputs that are probabilities.
  static func warnOfProbabilities(_ model: any Model, _ loss: Loss) {
    guard loss.takesLogits, let found = (model as? ONNXModel)?.probabilities else { return }
    warn(
      "the outputs are probabilities (\(found.operatorName)), and \(loss.rawValue) takes logits: "
        + "unless the model was trained so, score its logits with "
        + "--output \(FormatError.printable(found.logits, limit: 100))")
  }
}
