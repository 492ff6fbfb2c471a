/// Whether an output owes items more than it would owe strangers.
///
/// A stranger is an item that the run never saw. In an item's place at every step it would have had
/// a credit too; many of them give the distribution that the item's own credit is compared with.
public struct Significance: Sendable, Equatable {
  /// The chance that a stranger in the item's place has as much credit, `[N]`; nil for items that
  /// no stranger can stand in for.
  public let pValues: [Double?]
  /// The share of false discoveries that is allowed for, 0.05 by default.
  public let level: Double
  /// Whether "this output owes this item more than it would owe a stranger" holds, `[N]`.
  public let isSignificant: [Bool]

  /// The number of items for which it holds.
  public var count: Int { isSignificant.count { $0 } }
}
