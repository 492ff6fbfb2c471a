/// How the rows of one account are shared among its items, whether one is lost among the others.
///
/// Shares are of the gross Σ|s| over the N items; the rows that belong to nobody take no part. All
/// of it is the same for any order of the items, to the bit but for ``phases``, and no share depends
/// on the unit of the rows.
public struct LedgerStatistics: Sendable, Equatable {
  /// Effective numbers of contributors, the share of the strongest item, and what cancels.
  public let cocktail: Cocktail
  /// How many items the strongest 1 % are: N/100 rounded up.
  public let strongestPercentCount: Int
  /// What the strongest 1 % of the items hold of the gross.
  public let strongestPercentShare: Double
  /// The Gini coefficient of |s|: 0 where all items moved the output equally, (N − 1)/N where one
  /// alone did.
  public let gini: Double
  /// The items with the label of the query; nil where there are no labels.
  public let ownClass: LedgerPart?
  /// The items of the group of the query; nil where there are no groups or the query has none.
  public let ownGroup: LedgerPart?
  /// What the items did in the first epoch, between, and in the last epoch: three, or none where the
  /// account knows no time.
  public let phases: [Cocktail]

  /// The statistics of one account.
  ///
  /// - Parameters:
  ///   - account: Rows that are numbers (no NaN, no infinity), as they are in an account that was
  ///     not refused.
  ///   - ownClass: `[N]`, which items have the label of the query.
  ///   - ownGroup: `[N]`, which items are of the group of the query.
  /// - Complexity: O(N log N).
  public init(account: LedgerAccount, ownClass: [Bool]? = nil, ownGroup: [Bool]? = nil) {
    let rows = OrderedRows(account.items)
    let count = rows.order.count
    func part(_ isOwn: [Bool]?, _ name: String) -> LedgerPart? {
      guard let isOwn else { return nil }
      precondition(isOwn.count == count, "\(isOwn.count) \(name) for \(count) items")
      return rows.part(rows.order.indices.filter { isOwn[rows.order[$0]] })
    }
    cocktail = Cocktail(scaled: rows.scaled, unit: rows.unit)
    strongestPercentCount = (count + 99) / 100
    strongestPercentShare = rows.part(count - strongestPercentCount..<count).share
    gini = rows.gini
    self.ownClass = part(ownClass, "class marks")
    self.ownGroup = part(ownGroup, "group marks")
    phases = account.phases.map { Cocktail($0) }
  }
}
