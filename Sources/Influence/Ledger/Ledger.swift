public import TensorCore
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
  /// Bytes to stay within; nil for 1 GiB.
  public var memory: Int?

  /// All columns, with Simpson's rule.
  public init(
    columns: Set<LedgerColumn> = Set(LedgerColumn.allCases), rule: QuadratureRule = .simpson,
    tolerance: Double = 1e-4, comparesSameLabel: Bool = true, memory: Int? = nil
  ) {
    self.columns = columns
    self.rule = rule
    self.tolerance = tolerance
    self.comparesSameLabel = comparesSameLabel
    self.memory = memory
  }
}

/// Draws up accounts: how much of an output each training item holds.
public final class Ledger<Scalar: TensorScalar> {
  let problem: LedgerProblem<Scalar>
  let options: LedgerOptions
  let pool: WorkerPool

  /// A ledger of a problem.
  ///
  /// - Throws: ``ScoreError`` or `TrainingError` where the parts do not fit together.
  public init(
    _ problem: LedgerProblem<Scalar>, options: LedgerOptions = LedgerOptions(),
    pool: WorkerPool
  ) throws {
    try problem.validate()
    self.problem = problem
    self.options = options
    self.pool = pool
  }

  /// The accounts of all queries, Q of them.
  ///
  /// - Throws: ``LedgerError``, `TrainingError`, `FormatError`, or what `progress` throws.
  public func accounts(
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> [OutputAccount] {
    fatalError()
  }
}
