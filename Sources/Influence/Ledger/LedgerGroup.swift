/// The rows of one group of items in an account, added up.
public struct LedgerGroup: Sendable, Equatable {
  /// The name of the group.
  public let name: String
  /// What its items hold.
  public let part: LedgerPart
}

extension LedgerAccount {
  /// One row for each group: the largest gross first, equal ones in the order of their names.
  ///
  /// The nets sum to ``itemsSum`` to rounding, the shares to 1.
  ///
  /// - Parameter groups: `[N]`, the group of each item.
  /// - Complexity: O(N log N).
  public func rollUp(groups: [String]) -> [LedgerGroup] {
    precondition(groups.count == items.count, "\(groups.count) groups for \(items.count) items")
    let rows = OrderedRows(items)
    var places: [String: [Int]] = [:]
    for (place, item) in rows.order.enumerated() { places[groups[item], default: []].append(place) }
    return places.map { name, places in LedgerGroup(name: name, part: rows.part(places)) }
      .sorted { $0.part.share == $1.part.share ? $0.name < $1.name : $0.part.share > $1.part.share }
  }
}
