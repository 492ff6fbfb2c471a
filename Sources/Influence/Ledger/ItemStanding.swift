/// Where one item stands among all items of an account.
public struct ItemStanding: Sendable, Equatable {
  /// The item's number.
  public let item: Int
  /// Its row, in the unit of the measure; positive where it supports the output.
  public let row: Double
  /// What it holds of the gross; 0 where nothing moved.
  public let share: Double
  /// One more than the number of items with a larger row: 1 is the strongest supporter.
  public let rank: Int
  /// One more than the number of items with a larger |row|: 1 moved the output most.
  public let magnitudeRank: Int
  /// N, the number of items.
  public let items: Int

  /// Its share over 1/N: 1 for an item like all others.
  public var timesEqual: Double { share * Double(items) }
}

extension LedgerAccount {
  /// Where one item stands; items with equal rows have equal ranks.
  ///
  /// - Complexity: O(N).
  public func standing(of item: Int) -> ItemStanding {
    precondition(items.indices.contains(item), "item \(item) of \(items.count)")
    let row = items[item]
    let (scaled, _) = items.scaledToUnit
    let gross = scaled.reduce(0) { $0 + abs($1) }
    return ItemStanding(
      item: item, row: row, share: gross > 0 ? abs(scaled[item]) / gross : 0,
      rank: 1 + items.count { $0 > row }, magnitudeRank: 1 + items.count { abs($0) > abs(row) },
      items: items.count)
  }
}
