public import TensorCore
public import Training

/// A method whose scores can be evaluated: a column of the ledger, an estimator, or memorisation as
/// models trained on subsets show it.
public enum EvaluationMethod: Sendable {
  /// A column of the ledger.
  case column(LedgerColumn)
  /// A method of ``EstimatorRegistry/gradients``.
  case estimator(any GradientEstimator.Type)
  /// The memorisation of items; it has no scores for other outputs.
  case memorization(MemorizationKind)

  /// All methods, the columns first.
  public static var all: [EvaluationMethod] {
    LedgerColumn.allCases.map { .column($0) } + EstimatorRegistry.gradients.map { .estimator($0) }
      + MemorizationKind.allCases.map { .memorization($0) }
  }

  /// The name on the command line.
  public var name: String {
    switch self {
    case .column(let column): column.rawValue
    case .estimator(let estimator): estimator.name
    case .memorization(let kind): kind.rawValue
    }
  }

  /// Scores of a run's items.
  public struct Scores: Sendable {
    /// `[Q][N]`, positive where the item supports the output; NaN where they are refused.
    public var rows: [[Double]]
    /// Why the scores of a query are refused, by its number.
    public var refusals: [Int: String]
    /// The time it took, reading checkpoints included.
    public var seconds: Double
  }

  /// Scores all items of a recorded run.
  ///
  /// - Parameters:
  ///   - tolerance: Largest residual of the integrated column, relative to the gross movement.
  ///   - memory: Bytes to stay within; nil for the method's own limit.
  ///   - progress: Told how much of how much is done; what it throws ends the work.
  /// - Throws: ``ScoreError``, ``LedgerError``, `TrainingError` or `FormatError`.
  public func scores<Scalar: TensorScalar>(
    _ record: RunRecord, run: TrainingRun<Scalar>? = nil, queries: Dataset<Scalar>,
    measure: Measure, tolerance: Double = 1e-4,
    pool: WorkerPool, memory: Int? = nil,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> Scores {
    let start = ContinuousClock.now
    var scores: Scores
    switch self {
    case .column(let column):
      let problem = try LedgerProblem(
        record: record, run: run, queries: queries,
        measure: QueryMeasure(measure, loss: record.manifest.loss))
      let ledger = try Ledger(
        problem, options: LedgerOptions(columns: [column], tolerance: tolerance, memory: memory),
        pool: pool)
      scores = Self.scores(of: column, try ledger.accounts(progress: progress))
    case .estimator(let estimator):
      let setting = ScoreSetting<Scalar>(
        model: record.model, loss: record.manifest.loss, measure: measure,
        items: try run?.train.items ?? record.train(), queries: queries,
        checkpoints: try record.weightedCheckpoints(trajectory: estimator.usesTrajectory))
      let engine = try ScoreEngine(estimator.problem(setting), pool: pool, memory: memory)
      scores = Scores(rows: try Self.rows(engine, progress: progress), refusals: [:], seconds: 0)
    case .memorization:
      throw ScoreError.mismatch("\(name) scores training items, not other outputs")
    }
    scores.seconds = (ContinuousClock.now - start) / .seconds(1)
    return scores
  }

  private static func scores(of column: LedgerColumn, _ accounts: [OutputAccount]) -> Scores {
    var scores = Scores(rows: [], refusals: [:], seconds: 0)
    for (query, account) in accounts.enumerated() {
      let rows = account.columns[column]
      scores.refusals[query] = rows?.refusal
      let items = rows?.items ?? []
      scores.rows.append(rows?.refusal == nil ? items : items.map { _ in .nan })
    }
    return scores
  }

  private static func rows<Scalar: TensorScalar>(
    _ engine: ScoreEngine<Scalar>, progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws -> [[Double]] {
    let total = engine.problem.rowCount * engine.problem.items.count
    var rows = [[Double]](repeating: [], count: engine.problem.rowCount)
    try engine.forEachPanel(
      progress: { try progress(Int($0 * Double(total)), total) },
      { queries, columns, panel in
        // The panels of a query come from left to right.
        for (number, query) in queries.enumerated() {
          let own = panel[number * columns.count..<(number + 1) * columns.count]
          rows[query] += own.map { Double($0) }
        }
      })
    return rows
  }
}
