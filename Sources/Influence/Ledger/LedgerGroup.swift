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
    let (scaled, unit) = items.scaledToUnit
    var members: [String: [Double]] = [:]
    for (name, row) in zip(groups, scaled) { members[name, default: []].append(row) }
    let sums = members.map { name, rows in Sums(name: name, rows: rows) }
      .sorted { $0.gross == $1.gross ? $0.name < $1.name : $0.gross > $1.gross }
    let gross = sums.reduce(0) { $0 + $1.gross }
    return sums.map {
      LedgerGroup(
        name: $0.name,
        part: LedgerPart(
          items: $0.count, of: items.count, net: $0.net * unit, gross: $0.gross * unit,
          share: gross > 0 ? $0.gross / gross : 0))
    }
  }
}

/// One group's rows, added up in their unit.
private struct Sums {
  let name: String
  let count: Int
  var net = 0.0
  var gross = 0.0

  init(name: String, rows: [Double]) {
    self.name = name
    count = rows.count
    // Sorted, so that the sums do not depend on the order of the items.
    for row in rows.sorted() {
      net += row
      gross += abs(row)
    }
  }
}
