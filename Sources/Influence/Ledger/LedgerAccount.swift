package import Training

/// One column of one output's account: a row for every item, and the rows that are nobody's.
///
/// All rows are in the unit of the measure, positive where they support the output.
public struct LedgerAccount: Sendable, Equatable {
  /// `[N]`, what each item did.
  public var items: [Double]
  /// What weight decay did.
  public var decay: Double
  /// What clipping did beyond making the items' steps shorter, which is in their rows already.
  public var clipping: Double
  /// What the rows leave over of the measured change.
  public var residual: Double
  /// What each item did in the first epoch, between, and in the last epoch: three times `[N]`; empty
  /// where the column knows no time.
  public var phases: [[Double]]
  /// The change of the measure, in its own sign, that the column predicts for each of the removals
  /// asked about.
  public var predictions: [Double]
  /// Why the column has no answer for this output; nil where it has one.
  ///
  /// The rows are not to be used then; ``residual`` says how far they are from adding up.
  public var refusal: String?

  /// An account.
  public init(
    items: [Double], decay: Double = 0, clipping: Double = 0, residual: Double,
    phases: [[Double]] = [], predictions: [Double] = [], refusal: String? = nil
  ) {
    self.items = items
    self.decay = decay
    self.clipping = clipping
    self.residual = residual
    self.phases = phases
    self.predictions = predictions
    self.refusal = refusal
  }

  /// Σ of the items' rows.
  public var itemsSum: Double { items.reduce(0, +) }

  /// Σ |row| of all rows but the residual: how much the output was moved, back and forth.
  public var movement: Double {
    items.reduce(0) { $0 + abs($1) } + abs(decay) + abs(clipping)
  }

  /// |residual| over the gross movement; 0 where nothing moved and nothing is left over.
  public var relativeResidual: Double {
    if residual == 0 { return 0 }
    return movement > 0 ? abs(residual) / movement : .infinity
  }
}

/// The account of one output: what was measured before and after training, and its columns.
public struct OutputAccount: Sendable, Equatable {
  /// The measure at the initial parameters.
  public var measureInitial: Double
  /// The measure at the trained parameters.
  public var measureFinal: Double
  /// Whether a smaller measure supports the output, as for a loss.
  public var isLowerBetter: Bool
  /// The columns that were asked for.
  public var columns: [LedgerColumn: LedgerAccount]
  /// How the credit of each item compares with items that were never trained on; nil where that
  /// was not asked for.
  public var significance: Significance?

  /// An account.
  public init(
    measureInitial: Double, measureFinal: Double, isLowerBetter: Bool,
    columns: [LedgerColumn: LedgerAccount] = [:], significance: Significance? = nil
  ) {
    self.measureInitial = measureInitial
    self.measureFinal = measureFinal
    self.isLowerBetter = isLowerBetter
    self.columns = columns
    self.significance = significance
  }

  /// Says what credit predicts of removals from its rows alone.
  ///
  /// - Returns: False where rows do not tell: where other items' rows grow or others are learnt
  ///   instead. Nothing is said then.
  package mutating func predictCredit(of removals: [Removal]) -> Bool {
    guard let rows = columns[.credit]?.items,
      removals.allSatisfy({ $0.semantics == .fixedDenominator })
    else { return false }
    let sign: Double = isLowerBetter ? 1 : -1
    columns[.credit]?.predictions = removals.map { removal in
      sign * removal.items.reduce(0) { $0 + rows[$1] }
    }
    return true
  }

  /// What training did for the output: the measured change, positive where it supports.
  public var total: Double {
    isLowerBetter ? measureInitial - measureFinal : measureFinal - measureInitial
  }
}
