public import TensorCore
public import Training

/// Which scores are asked for: items against queries at one or more checkpoints of a model.
///
/// The score of item i for query q is Σ_k w_ki ⟨∇f_q, ∇ℓ_i⟩ at the parameters of checkpoint k, where
/// ℓ_i is the item's own loss and f_q the query's measure, its sign turned where a larger measure is
/// better. Positive therefore always means that a step on the item supports the query's output.
public struct ScoreProblem<Scalar: TensorScalar>: Sendable {
  /// The network.
  public let model: any Model
  /// What the items were trained with.
  public let loss: Loss
  /// What is asked of the queries.
  public let measure: Measure
  /// The training items, N of them.
  public let items: Dataset<Scalar>
  /// The queries, Q of them.
  public let queries: Dataset<Scalar>
  /// The checkpoints and their weights.
  public let checkpoints: [WeightedCheckpoint<Scalar>]
  /// Which parameters count.
  public let layers: Layers
  /// Whether gradients are divided by their norms, which makes the score a cosine.
  ///
  /// The weights of the checkpoints play no part then: cosines are summed as they are.
  public let isCosine: Bool
  /// Whether the queries are taken together: one row, the sum of theirs.
  public let aggregatesQueries: Bool

  /// Scores of items against queries.
  public init(
    model: any Model, loss: Loss, measure: Measure = .loss, items: Dataset<Scalar>,
    queries: Dataset<Scalar>, checkpoints: [WeightedCheckpoint<Scalar>], layers: Layers = .all,
    isCosine: Bool = false, aggregatesQueries: Bool = false
  ) {
    self.model = model
    self.loss = loss
    self.measure = measure
    self.items = items
    self.queries = queries
    self.checkpoints = checkpoints
    self.layers = layers
    self.isCosine = isCosine
    self.aggregatesQueries = aggregatesQueries
  }

  /// The rows of the score matrix: Q, or 1 where the queries are taken together.
  public var rowCount: Int { aggregatesQueries ? 1 : queries.count }
}

/// Parameters at one moment of training and how much the inner products there count.
public struct WeightedCheckpoint<Scalar: TensorScalar>: Sendable {
  /// The weight of an item's inner products at this checkpoint.
  public enum Weight: Sendable, Equatable {
    /// The same for all items, such as a learning rate.
    case uniform(Double)
    /// One number per item, `[N]`: what the steps that this checkpoint stands for gave the item.
    case perItem([Double])
  }

  /// The parameters, flat `[P]`.
  public let parameters: [Scalar]
  /// The weight.
  public let weight: Weight

  /// Parameters with a weight.
  public init(parameters: [Scalar], weight: Weight = .uniform(1)) {
    self.parameters = parameters
    self.weight = weight
  }
}

/// Why scores cannot be computed.
public enum ScoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The datasets, checkpoints and model do not fit together.
  case mismatch(String)
  /// A number of the datasets or checkpoints is NaN or infinite.
  case badNumber(what: String, found: Double)
  /// A gradient or score is NaN or infinite; `place` says where it stops being a number, if known.
  case notFinite(what: String, item: Int, place: String? = nil)
  /// The memory asked for does not hold even one tile.
  case memory(needed: Int, allowed: Int)

  /// One line for the person.
  public var description: String {
    switch self {
    case .mismatch(let text): text
    case .badNumber(let what, let found): "\(what): found \(found), expected a finite number"
    case .notFinite(let what, let item, let place):
      "\(what) \(item) gives a gradient or score that is NaN or infinite"
        + (place.map { ": \($0)" } ?? "") + "; look at its values and at the parameters"
    case .memory(let needed, let allowed):
      "--memory: found \(allowed >> 20) MiB, expected at least \((needed >> 20) + 1) MiB for the "
        + "smallest tiles"
    }
  }
}

extension Dataset {
  /// The numbers that the targets take.
  var targetCount: Int { count * targetWidth }

  /// The first item that has no label at any position.
  var firstUnlabelled: Int? {
    guard case .labels(let labels) = targets else { return nil }
    let width = targetWidth
    return (0..<count).first { item in
      labels[item * width..<(item + 1) * width].allSatisfy { $0 == Self.noLabel }
    }
  }
}

extension ScoreProblem {
  /// Checks that everything fits together before anything is computed.
  func validate() throws(ScoreError) {
    try check(items, "training item")
    try check(queries, "query")
    guard !measure.needsLabels || loss.takesLabels else {
      throw .mismatch("the measure \(measure.rawValue) needs class labels")
    }
    if measure.needsLabels, let bad = queries.firstUnlabelled {
      throw .mismatch(
        "query \(bad) has label -100, which stands for none; the measure \(measure.rawValue) needs a "
          + "label")
    }
    guard !checkpoints.isEmpty else {
      throw .mismatch("there is no checkpoint; expected at least one")
    }
    for (number, checkpoint) in checkpoints.enumerated() {
      try check(checkpoint, number)
    }
  }

  private func check(_ data: Dataset<Scalar>, _ item: String) throws(ScoreError) {
    let (input, output) = (model.inputShape.count, model.outputShape.count)
    let (classes, targets) = (model.outputShape[-1], model.targetShape(loss).count)
    let width = data.count == 0 ? input : data.inputs.count / data.count
    guard width == input else {
      throw .mismatch("\(item) 0 has \(width) inputs; the model takes \(input)")
    }
    if let bad = data.inputs.firstNonFinite {
      throw .badNumber(
        what: "\(item) \(bad / max(width, 1)), input \(bad % max(width, 1))",
        found: Double(data.inputs.scalars[bad]))
    }
    guard data.count == 0 || data.targetWidth == targets else {
      throw .mismatch(
        "\(item) 0 has \(data.targetWidth) targets; the model and the loss take \(targets)")
    }
    switch data.targets {
    case .labels(let labels):
      guard loss.takesLabels else {
        throw .mismatch("\(item) 0 has a class label; \(loss.rawValue) takes numbers")
      }
      guard classes > 1 else {
        throw .mismatch(
          "the model has one output, a single class, whose probability is 1 whatever the parameters: "
            + "every score would be zero; take binary-cross-entropy for labels 0 and 1")
      }
      if let bad = labels.firstIndex(where: { ($0 < 0 && $0 != -100) || $0 >= classes }) {
        throw .mismatch(
          "\(item) \(bad / max(targets, 1)) has label \(labels[bad]); expected 0 ..< \(classes), or -100"
        )
      }
    case .values(let values):
      guard !loss.takesLabels else {
        throw .mismatch("\(item) 0 has numbers for its target; \(loss.rawValue) takes labels")
      }
      guard values.count == data.count * output else {
        throw .mismatch(
          "the targets have the shape \(values.shape); expected \(output) numbers for each \(item)")
      }
      if let bad = values.firstNonFinite {
        throw .badNumber(
          what: "\(item) \(bad / max(output, 1)), target \(bad % max(output, 1))",
          found: Double(values.scalars[bad]))
      }
    }
  }

  private func check(
    _ checkpoint: WeightedCheckpoint<Scalar>, _ number: Int
  ) throws(ScoreError) {
    let parameters = checkpoint.parameters
    guard parameters.count == model.layout.count else {
      throw .mismatch(
        "checkpoint \(number) has \(parameters.count) parameters; the model has "
          + "\(model.layout.count)")
    }
    if let bad = parameters.firstIndex(where: { !$0.isFinite }),
      let entry = model.layout.entries.first(where: { $0.range.contains(bad) })
    {
      throw .badNumber(
        what: "checkpoint \(number), element \(bad - entry.offset) of \(entry.name)",
        found: Double(parameters[bad]))
    }
    switch checkpoint.weight {
    case .uniform(let weight):
      guard weight.isFinite else {
        throw .badNumber(what: "checkpoint \(number), weight", found: weight)
      }
    case .perItem(let weights):
      guard weights.count == items.count else {
        throw .mismatch(
          "checkpoint \(number) has \(weights.count) weights for \(items.count) training items")
      }
      if let bad = weights.firstIndex(where: { !$0.isFinite }) {
        throw .badNumber(
          what: "checkpoint \(number), weight of training item \(bad)", found: weights[bad])
      }
    }
  }
}
