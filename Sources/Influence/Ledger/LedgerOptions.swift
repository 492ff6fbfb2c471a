public import Training

/// What of an account is wanted, and how closely.
public struct LedgerOptions: Sendable {
  /// The columns.
  public var columns: Set<LedgerColumn>
  /// How gradients are averaged along a step.
  public var rule: QuadratureRule
  /// The residual that is accepted, as a share of the gross movement.
  public var tolerance: Double
  /// Whether an item is compared with strangers of its own label only.
  public var comparesSameLabel: Bool
  /// Bytes to stay within, those of the data included; nil for 1 GiB.
  public var memory: Int?
  /// Removals whose effect is to be predicted; see ``LedgerAccount/predictions``.
  ///
  /// Where items are swapped, their stand-ins are the only held-out items looked at: nothing is said
  /// about significance then.
  public var removals: [Removal]
  /// A folder for what an interrupted computation goes on from; nil for none.
  public var resumeFolder: String?

  /// All columns, with Simpson's rule.
  public init(
    columns: Set<LedgerColumn> = Set(LedgerColumn.allCases), rule: QuadratureRule = .simpson,
    tolerance: Double = 1e-4, comparesSameLabel: Bool = true, memory: Int? = nil,
    removals: [Removal] = [], resumeFolder: String? = nil
  ) {
    self.columns = columns
    self.rule = rule
    self.tolerance = tolerance
    self.comparesSameLabel = comparesSameLabel
    self.memory = memory
    self.removals = removals
    self.resumeFolder = resumeFolder
  }
}
