extension ONNXGraph {
  /// Operators that leave numbers what they are.
  private static let carriers: Set<String> = [
    "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Dropout",
  ]

  /// The operator that makes a value of probabilities, and the name of what it takes; nil where the
  /// last operator that changes the numbers is another.
  func probabilities(of output: String) -> (operatorName: String, logits: String)? {
    var name = output
    for node in nodes.reversed() where node.outputs.first == name {
      guard let input = node.inputs.first else { return nil }
      if ["Softmax", "Sigmoid"].contains(node.operatorName) { return (node.operatorName, input) }
      guard Self.carriers.contains(node.operatorName) else { return nil }
      name = input
    }
    return nil
  }
}
