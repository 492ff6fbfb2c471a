/// Whether an output owes items more than it would owe strangers.
///
/// A stranger is an item that the run never saw. In an item's place at every step it would have had
/// a credit too; many of them give the distribution that the item's own credit is compared with.
///
/// **What is claimed.** The null hypothesis of item i is that its credit is one more draw from the
/// credits of strangers: that the output owes it no more than it would owe any other item of its
/// label, visited as often. Strangers are pooled over a stratum, the items of one label and one
/// number of visits, because the order of visits is random: which of a stratum's places an item got
/// has nothing to do with the item. With n strangers' credits in the stratum
///
///     p_i = (1 + #{stranger ≥ credit_i}) / (1 + n),
///
/// for which P(p_i ≤ t) ≤ t under the null hypothesis for every t. It is one-sided: a small p says
/// that the item supports the output more than a stranger would. Such p-values share their
/// strangers, so they are not independent; they are positively dependent on each (PRDS), and the
/// procedure of Benjamini and Hochberg then still keeps the expected share of false claims among
/// all claims of one output at or below ``level``.
///
/// No p-value is below 1 / (1 + n): with few strangers nothing can be claimed among many items, and
/// ``leastPValue`` tells that from an output that owes nobody anything.
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
  /// The smallest p-value that any item could have had, 1 / (1 + n) of the largest stratum of
  /// strangers; nil where no item has one.
  public let leastPValue: Double?

  /// The number of items for which it holds.
  public var count: Int { isSignificant.count { $0 } }

  /// The number of items that have a p-value.
  public var tested: Int { pValues.count { $0 != nil } }

  /// Compares the items of one output with strangers.
  ///
  /// - Parameters:
  ///   - items: `[N]`, the credit of each item; no NaN.
  ///   - strata: `[N]`, the stratum of each item; nil for items that no stranger can stand in for,
  ///     such as items that were never visited.
  ///   - strangers: For each stratum the credits that items the run never saw would have had in the
  ///     places of the stratum's items, in any order; no NaN.
  ///   - level: The share of false discoveries that is allowed for, in (0, 1).
  /// - Complexity: O((N + M) log N) for M strangers' credits.
  public init(items: [Double], strata: [Int?], strangers: [[Double]], level: Double = 0.05) {
    precondition(
      items.count == strata.count, "\(strata.count) strata for \(items.count) items")
    precondition(level > 0 && level < 1, "a level of \(level) is not between 0 and 1")
    var members = [[Int]](repeating: [], count: strangers.count)
    for (item, stratum) in strata.enumerated() {
      if let stratum, !strangers[stratum].isEmpty { members[stratum].append(item) }
    }
    var pValues = [Double?](repeating: nil, count: items.count)
    for (members, null) in zip(members, strangers) where !members.isEmpty {
      let ascending = members.sorted { items[$0] < items[$1] }
      let credits = ascending.map { items[$0] }
      // Strangers by the number of items that have at most as much.
      var numbers = [Int](repeating: 0, count: credits.count + 1)
      for stranger in null { numbers[credits.count(upTo: stranger)] += 1 }
      var asMuch = 0
      for place in credits.indices.reversed() {
        asMuch += numbers[place + 1]
        pValues[ascending[place]] = Double(1 + asMuch) / Double(1 + null.count)
      }
    }
    self.pValues = pValues
    self.level = level
    let largest = strata.reduce(0) { max($0, $1.map { strangers[$0].count } ?? 0) }
    leastPValue = largest > 0 ? 1 / Double(1 + largest) : nil
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

extension [Double] {
  /// How many numbers of this ascending array are at most a value.
  fileprivate func count(upTo value: Double) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      if self[middle] <= value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
