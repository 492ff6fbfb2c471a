/// Whether an output owes items more than it would owe strangers.
///
/// A stranger is an item that the run never saw. Put into an item's place at every step that held the
/// item, it would have had a credit too. The null hypothesis of item i is that its credit is one more
/// draw from the credits of strangers of its label in its own place. With m strangers
///
///     p_i = (1 + #{stranger ≥ credit_i}) / (1 + m),
///
/// for which P(p_i ≤ t) ≤ t under the null hypothesis for every t. It is one-sided: a small p says
/// that the item did more for the output, or less against it, than a stranger would. The p-values of items share their
/// strangers, so they are positively dependent on each (PRDS), and the procedure of Benjamini and
/// Hochberg then still keeps the expected share of false claims among all claims of one output at or
/// below ``level``.
///
/// A stranger counts once for each item: what it would have had in the places of other items says
/// next to nothing new, because its gradients are the same there. So no p-value is below
/// 1 / (1 + m). With few strangers nothing can be claimed among many items, and ``leastPValue`` tells
/// that from an output that owes nobody anything. Training also fits its items, whose gradients
/// shrink while those of strangers do not: supporters then look smaller, and so do opponents.
/// Strangers must have been drawn as the items were.
///
/// Sources: S. Bates, E. Candès, L. Lei, Y. Romano, M. Sesia, "Testing for outliers with conformal
/// p-values", Annals of Statistics 51 (2023), theorem 2; Y. Benjamini, Y. Hochberg, "Controlling the
/// false discovery rate", JRSS B 57 (1995).
public struct Significance: Sendable, Equatable {
  /// The chance that a stranger in the item's place has as much credit, `[N]`; nil for items that
  /// no stranger can stand in for.
  public let pValues: [Double?]
  /// The share of false discoveries that is allowed for, 0.05 by default.
  public let level: Double
  /// Whether "this output owes this item more than it would owe a stranger" holds, `[N]`.
  public let isSignificant: [Bool]
  /// The smallest p-value that any item could have had, 1 / (1 + m) of the largest m; nil where no
  /// item has one.
  public let leastPValue: Double?

  /// The number of items for which it holds.
  public var count: Int { isSignificant.count { $0 } }

  /// The number of items that have a p-value.
  public var tested: Int { pValues.count { $0 != nil } }

  /// Compares the items of one output with strangers.
  ///
  /// - Parameters:
  ///   - atLeast: `[N]`, how many strangers would have had at least the item's credit in its place.
  ///   - strangers: `[N]`, how many were compared; 0 for items that none can stand in for, such as
  ///     items that were never visited.
  ///   - level: The share of false discoveries that is allowed for, in (0, 1).
  /// - Complexity: O(N log N).
  public init(atLeast: [Int], of strangers: [Int], level: Double = 0.05) {
    precondition(
      atLeast.count == strangers.count, "\(strangers.count) numbers for \(atLeast.count) items")
    precondition(level > 0 && level < 1, "a level of \(level) is not between 0 and 1")
    let pValues: [Double?] = zip(atLeast, strangers).map {
      $1 > 0 ? Double(1 + $0) / Double(1 + $1) : nil
    }
    self.pValues = pValues
    self.level = level
    let most = strangers.max() ?? 0
    leastPValue = most > 0 ? 1 / Double(1 + most) : nil
    let threshold = Self.threshold(pValues.compactMap { $0 }, level: level)
    isSignificant = pValues.map { p in p.map { $0 <= threshold } ?? false }
  }

  /// The largest of m p-values with p₍ₖ₎ ≤ k · level / m, up to which all are discoveries; −1 where
  /// there is none.
  static func threshold(_ pValues: [Double], level: Double) -> Double {
    let ascending = pValues.sorted()
    let last = ascending.indices.last {
      ascending[$0] * Double(ascending.count) <= Double($0 + 1) * level
    }
    return last.map { ascending[$0] } ?? -1
  }
}
