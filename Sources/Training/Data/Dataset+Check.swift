import TensorCore

extension Dataset {
  /// The label of an item that has none, as in PyTorch.
  public static var noLabel: Int32 { -100 }

  /// Checks that the items fit a model and a loss.
  ///
  /// - Parameters:
  ///   - name: What errors call the inputs.
  ///   - targetsName: What errors call the targets; `name` where nil.
  /// - Throws: ``TrainingError/data(_:)`` with the first item at fault, counted from 0.
  /// - Complexity: one pass at the speed of memory.
  public func check(
    _ model: any Model, loss: Loss, name: String, targetsName: String? = nil
  ) throws(TrainingError) {
    guard count > 0 else { throw .data("\(name): found no items, expected at least one") }
    let expected = Shape([count]).appending(model.inputShape)
    guard inputs.shape == expected else {
      throw .data(
        "\(name): found inputs of shape \(inputs.shape), expected \(expected) for the model "
          + model.specification)
    }
    if let index = inputs.firstNonFinite {
      throw .data(
        "\(name): item \(index / model.inputShape.count): found \(inputs.scalars[index]) as input "
          + "\(index % model.inputShape.count), expected a finite number; fill it in, or leave the item "
          + "out")
    }
    if let vocabulary = model.vocabulary {
      let isToken = { (value: Scalar) in
        value >= 0 && value < Scalar(vocabulary) && value == value.rounded()
      }
      if let index = inputs.scalars.firstIndex(where: { !isToken($0) }) {
        throw .data(
          "\(name): item \(index / model.inputShape.count): found \(inputs.scalars[index]) at "
            + "position \(index % model.inputShape.count), expected a token, 0 to "
            + "\(vocabulary - 1)")
      }
    }
    if let whole = (model as? ONNXModel)?.wholeNumbers,
      let overflow = whole.overflow(inputs, model.inputShape)
    {
      throw .data("\(name): item \(overflow.item): found \(overflow.found)")
    }
    switch targets {
    case .labels(let labels): try check(labels, model, loss, targetsName ?? name)
    case .values(let values): try check(values, model, loss, targetsName ?? name)
    }
  }

  private func check(
    _ labels: [Int32], _ model: any Model, _ loss: Loss, _ name: String
  ) throws(TrainingError) {
    guard loss.takesLabels else {
      throw .data(
        "\(name): found labels, expected numbers \(model.outputShape) for each item, which the loss "
          + "\(loss.rawValue) compares with")
    }
    let width = model.targetShape(loss).count
    guard labels.count == count * width else {
      throw .data(
        "\(name): found \(labels.count) labels for \(count) items, expected \(width) for each")
    }
    let classes = model.outputShape[-1]
    guard classes > 1 else {
      throw .data(
        "\(name): found labels for a model of one output, a single class, expected two at least: "
          + "it has probability 1, so \(loss.rawValue) is 0 whatever the output; use "
          + "--loss \(Loss.binaryCrossEntropy.rawValue) for labels 0 and 1")
    }
    let isClass = { (label: Int32) in label >= 0 && Int(label) < classes || label == Self.noLabel }
    if let fault = labels.firstIndex(where: { !isClass($0) }) {
      throw .label(fault / max(width, 1), labels[fault], classes: classes, name)
    }
  }

  private func check(
    _ values: Tensor<Scalar>, _ model: any Model, _ loss: Loss, _ name: String
  ) throws(TrainingError) {
    guard !loss.takesLabels else {
      throw .data("\(name): found numbers, expected a label for each item for \(loss.rawValue)")
    }
    let expected = Shape([count]).appending(model.outputShape)
    guard values.shape == expected else {
      throw .data(
        "\(name): found targets of shape \(values.shape), expected \(expected) for the model "
          + model.specification)
    }
    if let index = values.firstNonFinite {
      throw .data(
        "\(name): item \(index / model.outputShape.count): found \(values.scalars[index]) as "
          + "target, expected a finite number; fill it in, or leave the item out")
    }
    if loss == .binaryCrossEntropy,
      let index = values.scalars.firstIndex(where: { $0 < 0 || $0 > 1 })
    {
      throw .data(
        "\(name): item \(index / model.outputShape.count): found \(values.scalars[index]) as "
          + "target, expected a number from 0 to 1 for \(loss.rawValue)")
    }
  }
}
