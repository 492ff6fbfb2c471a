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
    let items = account.items
    // In the order of magnitude, so that sums do not depend on the order of the items.
    let order = items.indices.sorted {
      let (a, b) = (abs(items[$0]), abs(items[$1]))
      return a == b ? items[$0] < items[$1] : a < b
    }
    let (scaled, unit) = order.map { items[$0] }.scaledToUnit
    let whole = Cocktail(scaled: scaled, unit: 1)

    /// What some of the items hold; the others count as zeros, so that all items hold exactly 1.
    func part(_ isIn: (_ place: Int) -> Bool) -> LedgerPart {
      let own = Cocktail(scaled: scaled.indices.map { isIn($0) ? scaled[$0] : 0 }, unit: unit)
      return LedgerPart(
        items: scaled.indices.count(where: isIn), of: items.count, net: own.net, gross: own.gross,
        share: whole.gross > 0 ? own.gross / unit / whole.gross : 0)
    }
    func part(_ isOwn: [Bool]?, _ name: String) -> LedgerPart? {
      guard let isOwn else { return nil }
      precondition(isOwn.count == items.count, "\(isOwn.count) \(name) for \(items.count) items")
      return part { isOwn[order[$0]] }
    }

    cocktail = Cocktail(scaled: scaled, unit: unit)
    let strongest = (items.count + 99) / 100
    strongestPercentCount = strongest
    strongestPercentShare = part { $0 >= items.count - strongest }.share
    gini = Self.gini(ascending: scaled, gross: whole.gross)
    self.ownClass = part(ownClass, "class marks")
    self.ownGroup = part(ownGroup, "group marks")
    phases = account.phases.map { Cocktail($0) }
  }

  /// Σ (2k − N − 1) |s|₍ₖ₎ / (N Σ|s|) over the ranks k = 1 … N of rising magnitude.
  private static func gini(ascending values: [Double], gross: Double) -> Double {
    guard gross > 0 else { return 0 }
    var sum = 0.0
    for (place, value) in values.enumerated() {
      sum += Double(2 * place + 1 - values.count) * abs(value)
    }
    return max(0, sum / (Double(values.count) * gross))
  }
}

/// What some of the items hold of an account.
public struct LedgerPart: Sendable, Equatable {
  /// How many items they are.
  public let items: Int
  /// Their number over the number of all items; 0 where there are none at all.
  public let itemShare: Double
  /// Σ s over them, in the unit of the rows.
  public let net: Double
  /// Σ |s| over them, in the unit of the rows.
  public let gross: Double
  /// What they hold of the gross of all items; 0 where nothing moved.
  public let share: Double

  /// Some of `total` items.
  init(items: Int, of total: Int, net: Double, gross: Double, share: Double) {
    self.items = items
    itemShare = total > 0 ? Double(items) / Double(total) : 0
    self.net = net
    self.gross = gross
    self.share = share
  }
}
