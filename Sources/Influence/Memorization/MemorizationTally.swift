/// What models trained on subsets of N items say of how each item was memorised.
///
/// With h a model trained on a random subset S of fixed size, the memorisation of item i is
/// Pr[h(x_i) = y_i | i ∈ S] − Pr[h(x_i) = y_i | i ∉ S]: 1 for an item that is right only where it was
/// learnt, 0 for one that the others suffice for. Estimated by the shares of the models that have it
/// right; the mean square error is at most e^(−pt/16)/2 + 1/(pt) + 1/((1 − p)t) for t models and
/// p = min(|S|, N − |S|)/N.
///
/// Counterfactual memorisation is the same difference of a score, here minus the item's own loss
/// (nats): it goes on where right and wrong cannot tell models apart.
///
/// For a sequence the share of its labels that are right takes the place of right and wrong.
///
/// Sources: V. Feldman and C. Zhang, "What neural networks memorize and why", NeurIPS 2020; C. Zhang
/// et al., "Counterfactual memorization in neural language models", NeurIPS 2023.
public struct MemorizationTally: Sendable {
  /// What is known of one item.
  private struct Sample: Sendable {
    var right = 0.0
    var score = SampleMoments()
  }

  /// The number of models.
  public private(set) var models = 0
  private var inside: [Sample]
  private var outside: [Sample]

  /// N.
  public var items: Int { inside.count }

  /// No models yet.
  public init(items: Int) {
    inside = Array(repeating: Sample(), count: items)
    outside = inside
  }

  /// Adds a model.
  ///
  /// - Parameters:
  ///   - left: The items that it was trained without, ascending.
  ///   - accuracy: `[N]` or more, the share of each item's labels that it has right.
  ///   - score: `[N]` or more, minus each item's loss.
  /// - Complexity: O(N).
  public mutating func add(leftOut left: [Int], accuracy: [Float], score: [Float]) {
    models += 1
    var next = 0
    for item in 0..<items {
      if next < left.count, left[next] == item {
        outside[item].right += Double(accuracy[item])
        outside[item].score.add(Double(score[item]))
        next += 1
      } else {
        inside[item].right += Double(accuracy[item])
        inside[item].score.add(Double(score[item]))
      }
    }
  }

  /// The share of the models trained with an item that have it right; nil without such models.
  public func accuracyInside(_ item: Int) -> Double? { accuracy(inside[item]) }

  /// The share of the models trained without an item that have it right; nil without such models.
  public func accuracyOutside(_ item: Int) -> Double? { accuracy(outside[item]) }

  private func accuracy(_ sample: Sample) -> Double? {
    sample.score.count > 0 ? sample.right / Double(sample.score.count) : nil
  }

  /// The memorisation of an item; nil where all models learnt it, or none.
  public func memorization(_ item: Int) -> EstimatedDifference? {
    let (first, second) = (inside[item], outside[item])
    return EstimatedDifference(
      proportions: (first.right, first.score.count), (second.right, second.score.count))
  }

  /// The counterfactual memorisation of an item, in nats; nil where fewer than two models learnt it,
  /// or fewer than two did not.
  public func counterfactual(_ item: Int) -> EstimatedDifference? {
    EstimatedDifference(means: inside[item].score, outside[item].score)
  }

  /// `[N]`, the models that learnt each item.
  var insideCounts: [Int] { inside.map(\.score.count) }

  /// The lengths of the intervals of memorisation: the widest and the median; infinite where an item
  /// has none.
  public var widths: (widest: Double, median: Double) {
    let widths = (0..<items).map { memorization($0)?.width ?? .infinity }.sorted()
    return (widths.last ?? 0, widths.isEmpty ? 0 : widths[widths.count / 2])
  }
}
