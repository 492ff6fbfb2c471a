import TensorCore
public import Training

/// Which random subsets of a run's N training items models are trained on.
///
/// Model m's subset depends on the seed, N and m alone: more models never change the earlier ones.
public struct SubsetPlan: Sendable, Equatable {
  /// N.
  public let items: Int
  /// The items of each subset.
  public let kept: Int
  /// What the subsets are drawn from.
  public let seed: UInt64

  /// Subsets of a share of the items, rounded to whole items.
  ///
  /// - Parameter fraction: The share, in (0, 1).
  /// - Throws: `TrainingError` where a subset would hold no item or all of them: then nothing could
  ///   be compared.
  public init(items: Int, fraction: Double, seed: UInt64) throws(TrainingError) {
    let kept = fraction > 0 && fraction < 1 ? Int((fraction * Double(items)).rounded()) : 0
    guard kept > 0, kept < items else {
      throw .setting(
        name: "fraction", found: "\(fraction) of \(items) items",
        expected: "a share that keeps at least one item and leaves out at least one")
    }
    self.items = items
    self.kept = kept
    self.seed = seed
  }

  /// The items that model m is trained without, ascending; each subset of this size is equally
  /// likely.
  ///
  /// - Complexity: O(N).
  public func left(outOf model: Int) -> [Int] {
    var random = RandomStream(
      seed: seed, for: .memorizationSubsets, position: UInt64(model) * UInt64(items))
    return random.subset(items - kept, of: items)
  }

  /// How models are trained without items.
  ///
  /// The items' places in the batches stay empty and the mean is over the others, as if the items had
  /// never been there; initial parameters, the order of the others, steps and learning rates are
  /// those of the run.
  func removal(_ model: Int) -> Removal { Removal(left(outOf: model), .renormalized) }
}
