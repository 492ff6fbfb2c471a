/// The three answers to "how much of this output is due to this item?".
///
/// All are in the unit of the measure, and positive where the item supports the output.
public enum LedgerColumn: String, CaseIterable, Sendable {
  /// The path integral of the measure's gradient along the recorded run, shared among the items of
  /// every step.
  ///
  /// With the rows that belong to nobody it sums to the measured change.
  case credit
  /// What the trained output would lose per unit of the item's weight: the exact derivative through
  /// the whole run.
  case marginal
  /// The marginal integrated over the weight of all items together, from none to the run's own.
  case integrated

  /// One line for listings.
  public var summary: String {
    switch self {
    case .credit: "each item's part of the path that training took; adds up"
    case .marginal: "exact derivative of the trained output by the item's weight"
    case .integrated: "marginal integrated over the weight of all items; adds up, or is refused"
    }
  }

  /// Whether rows must add up to the measured change.
  public var balances: Bool { self != .marginal }
}
