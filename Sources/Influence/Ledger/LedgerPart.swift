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
}

/// The rows of an account by rising magnitude.
///
/// Sums in this order do not depend on the order of the items, to the bit: rows that are equal in
/// magnitude and sign are the same number.
struct OrderedRows {
  /// The items, the smallest |s| first.
  let order: [Int]
  /// Their rows in that order, divided by ``unit``.
  let scaled: [Double]
  let unit: Double
  /// Σ of their magnitudes, divided by ``unit``.
  let gross: Double

  init(_ items: [Double]) {
    order = items.indices.sorted {
      let (a, b) = (abs(items[$0]), abs(items[$1]))
      return a == b ? items[$0] < items[$1] : a < b
    }
    (scaled, unit) = order.map { items[$0] }.scaledToUnit
    gross = scaled.reduce(0) { $0 + abs($1) }
  }

  /// What the items at some places of the order hold; all of them hold exactly 1.
  func part(_ places: some Collection<Int>) -> LedgerPart {
    let net = places.reduce(0) { $0 + scaled[$1] }
    let own = places.reduce(0) { $0 + abs(scaled[$1]) }
    return LedgerPart(
      items: places.count,
      itemShare: order.isEmpty ? 0 : Double(places.count) / Double(order.count),
      net: net * unit, gross: own * unit, share: gross > 0 ? own / gross : 0)
  }

  /// Σ (2k − N − 1) |s|₍ₖ₎ / (N Σ|s|) over the ranks k = 1 … N of rising magnitude.
  var gini: Double {
    guard gross > 0 else { return 0 }
    var sum = 0.0
    for (place, row) in scaled.enumerated() {
      sum += Double(2 * place + 1 - scaled.count) * abs(row)
    }
    return max(0, sum / (Double(scaled.count) * gross))
  }
}
