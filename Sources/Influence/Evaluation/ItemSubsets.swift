import TensorCore
import Training

/// Subsets of the N training items that models are trained on again, M of them.
public enum ItemSubsets: Sendable, Equatable {
  /// The items of each subset; no item twice in one.
  case kept([[Int]])
  /// The items that each subset leaves out; no item twice in one.
  case removed([[Int]])

  /// M, the number of subsets.
  public var count: Int {
    switch self {
    case .kept(let lists), .removed(let lists): lists.count
    }
  }

  /// Random subsets that all leave out as many items, each such subset equally likely.
  ///
  /// They depend on the seed and N alone: more subsets begin with the same ones, and a smaller
  /// fraction leaves out some of the items that a larger one does.
  ///
  /// - Parameters:
  ///   - fraction: The share of the items that is left out, in 0 … 1, rounded to whole items.
  ///   - items: N.
  ///   - count: M.
  public static func removing(
    _ fraction: Double, of items: Int, count: Int, seed: UInt64
  ) -> ItemSubsets {
    precondition((0...1).contains(fraction), "a share of \(fraction) is not in 0 … 1")
    let removed = Int((fraction * Double(items)).rounded())
    return .removed(
      (0..<count).map { subset in
        var random = RandomStream(
          seed: seed, for: .retrainingSubsets, position: UInt64(subset) * UInt64(items))
        return random.subset(removed, of: items)
      })
  }
}
