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
  /// A gradient or score is NaN or infinite.
  case notFinite(what: String, item: Int)
  /// The memory asked for does not hold even one tile.
  case memory(needed: Int, allowed: Int)

  /// One line for the person.
  public var description: String {
    switch self {
    case .mismatch(let text): text
    case .notFinite(let what, let item):
      "\(what) \(item) gives a gradient or score that is NaN or infinite; look at its values and at "
        + "the parameters"
    case .memory(let needed, let allowed):
      "--memory: found \(allowed >> 20) MiB, expected at least \((needed >> 20) + 1) MiB for the "
        + "smallest tiles"
    }
  }
}

extension Dataset {
  /// The numbers that the targets take.
  var targetCount: Int {
    switch targets {
    case .labels(let labels): labels.count
    case .values(let values): values.count
    }
  }
}

extension ScoreProblem {
  /// Checks that everything fits together before anything is computed.
  func validate() throws(ScoreError) {
    let (input, output) = (model.inputShape.count, model.outputShape.count)
    for (name, data) in [("training items", items), ("queries", queries)] {
      let width = data.count == 0 ? input : data.inputs.count / data.count
      guard width == input else {
        throw .mismatch("the \(name) have \(width) inputs each; the model takes \(input)")
      }
      switch data.targets {
      case .labels(let labels):
        guard loss.takesLabels else {
          throw .mismatch("the \(name) have class labels; \(loss.rawValue) takes numbers")
        }
        if let bad = labels.firstIndex(where: { ($0 < 0 && $0 != -100) || $0 >= output }) {
          throw .mismatch(
            "item \(bad) of the \(name) has label \(labels[bad]); expected 0 ..< \(output), or -100"
          )
        }
      case .values(let values):
        guard !loss.takesLabels else {
          throw .mismatch("the \(name) have numbers for targets; \(loss.rawValue) takes labels")
        }
        guard values.count == data.count * output else {
          throw .mismatch(
            "the \(name) have targets \(values.shape); the model gives \(output) each")
        }
      }
      if let index = data.inputs.firstNonFinite {
        throw .notFinite(what: "in the \(name), item", item: index / max(width, 1))
      }
    }
    guard !measure.needsLabels || loss.takesLabels else {
      throw .mismatch("the measure \(measure.rawValue) needs class labels")
    }
    for checkpoint in checkpoints {
      guard checkpoint.parameters.count == model.layout.count else {
        throw .mismatch(
          "a checkpoint has \(checkpoint.parameters.count) parameters; the model has "
            + "\(model.layout.count)")
      }
      if case .perItem(let weights) = checkpoint.weight, weights.count != items.count {
        throw .mismatch("\(weights.count) checkpoint weights for \(items.count) items")
      }
    }
  }
}
