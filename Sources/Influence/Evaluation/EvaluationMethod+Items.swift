public import TensorCore
public import Training

extension EvaluationMethod {
  /// The subset models that memorisation is estimated by.
  public struct SubsetModels: Sendable {
    /// Their number.
    public var count: Int
    /// The share of the items that each is trained on.
    public var fraction: Double
    /// What the subsets are drawn from.
    public var seed: UInt64

    /// Subset models.
    public init(count: Int, fraction: Double = 0.7, seed: UInt64 = 0) {
      self.count = count
      self.fraction = fraction
      self.seed = seed
    }
  }

  /// Scores each item of a recorded run for its own output, `[1][N]`: what it did to the loss on
  /// itself.
  ///
  /// For an estimator it is the self-influence, for a column the item's share of the gross of its own
  /// account, with its sign. NaN where there is none, and the reason by item where a column is refused.
  ///
  /// - Parameters:
  ///   - run: What the record gives, where it was read already; it is read where nil.
  ///   - subsets: The models of a method of memorisation.
  ///   - tolerance: Largest residual of the integrated column, relative to the gross movement.
  ///   - memory: Bytes to stay within; nil for the method's own limit.
  ///   - progress: Told how much of how much is done; what it throws ends the work.
  /// - Throws: ``ScoreError``, ``LedgerError``, `TrainingError` or `FormatError`.
  public func itemScores<Scalar: TensorScalar>(
    _ record: RunRecord, run: TrainingRun<Scalar>? = nil, subsets: SubsetModels,
    tolerance: Double = 1e-4, pool: WorkerPool, memory: Int? = nil,
    as type: Scalar.Type = Scalar.self,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> Scores {
    let start = ContinuousClock.now
    let run = try run ?? record.run()
    var refusals: [Int: String] = [:]
    let values: [Double]
    switch self {
    case .estimator(let estimator):
      let items = run.train.items
      let setting = ScoreSetting<Scalar>(
        model: record.model, loss: record.manifest.loss, items: items, queries: items[[]],
        checkpoints: try record.weightedCheckpoints(trajectory: estimator.usesTrajectory))
      let engine = try ScoreEngine(estimator.problem(setting), pool: pool, memory: memory)
      values = try engine.selfInfluence {
        try progress(Int($0 * Double(items.count)), items.count)
      }
    case .column(let column):
      (values, refusals) = try Self.ownShares(
        column, record, run, tolerance: tolerance, pool: pool, memory: memory, progress: progress)
    case .memorization(let kind):
      let bank = try SubsetBank<Scalar>(
        record, run: run, fraction: subsets.fraction, seed: subsets.seed, pool: pool)
      let tally = try bank.tally(models: subsets.count, progress: progress)
      values = (0..<tally.items).map { tally.estimate(kind, $0)?.value ?? .nan }
    }
    return Scores(
      rows: [values], refusals: refusals, seconds: (ContinuousClock.now - start) / .seconds(1))
  }

  /// The residual of credit that is accepted, as a share of the gross: shares of items are compared,
  /// and differ by far more.
  private static var creditTolerance: Double { 1e-2 }
  /// Items whose accounts are held at once: each account has some numbers for every item.
  private static var block: Int { 256 }

  /// `[N]`, each item's row in the account of its own loss, as a share of the account's gross, NaN
  /// where the account is refused, with the reasons by item.
  private static func ownShares<Scalar: TensorScalar>(
    _ column: LedgerColumn, _ record: RunRecord, _ run: TrainingRun<Scalar>, tolerance: Double,
    pool: WorkerPool, memory: Int?, progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws -> (shares: [Double], refusals: [Int: String]) {
    let items = run.train.items
    let blocks = Blocks(items.count, size: block)
    let options = LedgerOptions(
      columns: [column], tolerance: column == .credit ? creditTolerance : tolerance,
      memory: memory)
    var shares: [Double] = []
    var refusals: [Int: String] = [:]
    for number in 0..<blocks.number {
      let block = blocks[number]
      let problem = try LedgerProblem(
        record: record, run: run, queries: items[Array(block)],
        measure: QueryMeasure(.loss, loss: record.manifest.loss))
      let accounts = try Ledger(problem, options: options, pool: pool).accounts { done, total in
        let share = Double(done) / Double(max(total, 1)) * Double(block.count)
        try progress(block.lowerBound + Int(share), items.count)
      }
      shares += zip(block, accounts).map { item, account in
        guard let rows = account.columns[column], rows.refusal == nil else {
          refusals[item] = account.columns[column]?.refusal ?? "no account"
          return .nan
        }
        let gross = Cocktail(rows.items).gross
        return gross > 0 ? rows.items[item] / gross : 0
      }
    }
    return (shares, refusals)
  }
}
