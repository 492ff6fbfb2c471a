public import TensorCore
import Training

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Draws up accounts: how much of an output each training item holds.
///
/// Credit is the path integral of the measure's gradient along the recorded run (the path kernel of
/// Domingos 2020 and Bell 2023), each step shared out linearly among the items that made it, with
/// the optimizer's scaling and clipping held fixed. The marginal is the derivative of the final
/// measure by the weight of each item in every batch that holds it, the batch's denominator fixed
/// (Ilyas and Engstrom 2025). The integrated column is the marginal integrated over the weight of
/// all items together (an Aumann–Shapley value).
///
/// - Complexity: For Q queries, S steps, B items in a batch and P parameters, credit takes about
///   2 Q S B P floating-point operations besides the queries' own gradients, a marginal three times
///   as many, an integrated column at least eight marginals.
public final class Ledger<Scalar: TensorScalar> {
  let problem: LedgerProblem<Scalar>
  let options: LedgerOptions
  let pool: WorkerPool
  let strangers: StrangerTable?
  let hasStandIns: Bool
  private let prediction: RemovalPrediction<Scalar>
  private let layout: Layout
  let store: LedgerStore?
  /// What rounding makes of each segment of the record; nil without one.
  private let segments: SegmentReplay?
  var progress: LedgerProgress

  /// The largest share of the way between two checkpoints by which a replay missed the second one:
  /// 0 where the record is replayed bit for bit.
  public private(set) var largestDeparture = 0.0

  /// Bytes that it stays within.
  public var memory: Int { layout.memory }

  /// A ledger of a problem.
  ///
  /// - Throws: ``ScoreError`` or `TrainingError` where the parts do not fit together,
  ///   ``LedgerError/memory(needed:allowed:)``.
  public init(
    _ problem: LedgerProblem<Scalar>, options: LedgerOptions = LedgerOptions(), pool: WorkerPool
  ) throws {
    try problem.validate()
    var problem = problem
    for removal in options.removals { try removal.check(problem.run) }
    let standIns = StandIns(options.removals)
    hasStandIns = !standIns.pairs.isEmpty
    if hasStandIns {
      problem.strangers = problem.run.test?.items[standIns.pairs.map(\.other)]
      strangers = StrangerTable(standIns, items: problem.run.train.items.count)
    } else {
      problem.strangers = problem.strangers.flatMap { $0.count > 0 ? $0.orderedByLabel : nil }
      strangers = problem.strangers.map {
        StrangerTable(problem.run.train.items, $0, sameLabel: options.comparesSameLabel)
      }
    }
    self.problem = problem
    self.options = options
    self.pool = pool
    prediction = RemovalPrediction(problem.run, options.removals, standIns)
    store = try LedgerStore(problem, options)
    segments = problem.record.map { SegmentReplay($0, pool: pool) }
    progress = LedgerProgress(problem, options)
    layout = try Self.layout(problem, options, strangers, threads: pool.threads)
  }

  /// The accounts of all queries, Q of them.
  ///
  /// - Parameter report: Called now and then with the units of work done and the number expected.
  /// - Throws: ``LedgerError``, `TrainingError`, `FormatError`, or what `report` throws; what is done
  ///   then is saved in the options' folder.
  public func accounts(
    progress report: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> [OutputAccount] {
    let accounts = try savedAccounts(progress: report)
    store?.removeAll()
    return accounts
  }

  /// The accounts; what was saved stays, for work that goes on after them and may be interrupted too.
  func savedAccounts(progress report: (Int, Int) throws -> Void) throws -> [OutputAccount] {
    try layout.groups.flatMap { try accounts($0, layout, report) }
  }

  // MARK: Memory

  /// How the work is cut so that it fits into memory.
  struct Layout {
    /// Blocks of queries that are swept together.
    var groups: [[Range<Int>]]
    /// States of the run kept at once.
    var room: Int
    /// Bytes for the prepared steps of a leg.
    var legMemory: Int
    /// Bytes that all of it stays within.
    var memory: Int
  }

  /// Bytes that a person who gives no limit is content with, unless more are needed.
  private static var standardMemory: Int { 1 << 30 }

  /// Bytes that the machine has.
  private static var machineMemory: Int {
    sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
  }

  private static func layout(
    _ problem: LedgerProblem<Scalar>, _ options: LedgerOptions, _ strangers: StrangerTable?,
    threads: Int
  ) throws -> Layout {
    let (run, stride) = (problem.run, MemoryLayout<Scalar>.stride)
    let states = run.model.layout.count * (1 + run.optimizer.rule.stateNames.count) * stride
    let fewest = Trajectory<Scalar>.smallestRoom(run.batches.count) * states
    let (visits, items) = (run.batches.rows.count, run.train.items.count)
    let blocks = LedgerSweep<Scalar>.blocks(
      problem.queries.count, parameters: run.model.layout.count)
    let size = blocks.map(\.count).max() ?? 1
    let workspaces = try workspaceCount(problem, options, size)
    // Adjoints, gradients at the points of a chord, products; rows and phases as double numbers.
    let perQuery =
      (visits + (strangers?.rowCount ?? 0) + 12 * run.model.layout.count
        + 4 * run.batches.size) * stride
      + 8 * items * (3 + 2 * Phases.count) + workspaces * stride / size
    let preparation = try StepPreparation<Scalar>.Program(
      problem, takesFactors: true, differentiatesScale: options.columns != [.credit])
    let fixed = fewest + threads * preparation.workspaceCount * stride + problem.dataBytes
    let largest = size * perQuery
    let needed = fixed + largest + preparation.stepCount * stride
    let allowed = options.memory ?? max(standardMemory, min(needed, machineMemory))
    guard needed <= allowed else { throw LedgerError.memory(needed: needed, allowed: allowed) }
    let forQueries = max(largest, (allowed - fixed) / 2)
    var groups: [[Range<Int>]] = []
    var taken = 0
    for block in blocks {
      if groups.isEmpty || taken + block.count * perQuery > forQueries {
        groups.append([])
        taken = 0
      }
      groups[groups.count - 1].append(block)
      taken += block.count * perQuery
    }
    // The integrated column replays other runs while the states of the recorded one are kept.
    let replays = options.columns.contains(.integrated) ? 2 : 1
    let forStates = max(fewest, (allowed - fixed - largest) / (3 * replays))
    return Layout(
      groups: groups, room: forStates / states, legMemory: (allowed - fixed - largest) / 8,
      memory: allowed)
  }

  /// Elements of the workspaces of a block of so many queries.
  private static func workspaceCount(
    _ problem: LedgerProblem<Scalar>, _ options: LedgerOptions, _ queries: Int
  ) throws -> Int {
    let measures = try QueryPrograms(problem, count: queries).workspaceCount
    if options.columns == [.credit] { return measures }
    return measures
      + CurvatureProduct<Scalar>.Program(problem.run, directions: queries).workspaceCount
  }

  // MARK: One group of queries

  /// Rows of a column before its residual is known, in the measure's own sign.
  struct Rows {
    /// `[Q]` times `[N]`.
    var items: [[Double]]
    /// `[Q]`.
    var decay: [Double]
    /// `[Q]` times three times `[N]`.
    var phases: [[[Double]]] = []
    /// `[Q]`, the strangers' credits as the table has them.
    var strangers: [[Scalar]] = []
    /// `[Q]` times the number of removals.
    var predictions: [[Double]] = []
  }

  private func accounts(
    _ group: [Range<Int>], _ plan: Layout, _ report: (Int, Int) throws -> Void
  ) throws -> [OutputAccount] {
    let queries = group.flatMap { Array($0) }
    let trajectory = try Trajectory(
      problem.run, record: problem.record, segments: segments, room: plan.room, pool: pool)
    let measured = try measuredPath(group, trajectory, report)
    let final = measured.final
    let path = measured.path
    largestDeparture = max(largestDeparture, trajectory.largestDeparture)
    let isLowerBetter = problem.measure.isLowerBetter
    var accounts = queries.indices.map {
      OutputAccount(
        measureInitial: path[0, $0], measureFinal: path[path.steps, $0],
        isLowerBetter: isLowerBetter)
    }
    let sign: Double = isLowerBetter ? -1 : 1
    for column in LedgerColumn.allCases where options.columns.contains(column) {
      switch column {
      case .credit:
        let rows = try sweep(
          problem, group,
          .credit(rule: options.rule, values: path, tolerance: options.tolerance), trajectory,
          final: final, legMemory: plan.legMemory, key: "credit", report)
        for query in queries.indices {
          accounts[query].columns[.credit] = account(rows, query, sign, accounts[query].total)
        }
        if let table = strangers, !hasStandIns {
          compare(queries, rows.strangers, sign, table, &accounts)
        }
      case .marginal:
        do {
          let rows = try sweep(
            hasStandIns ? problem : problem.withoutStrangers, group, .marginal, trajectory,
            final: final, legMemory: plan.legMemory, key: "marginal", report)
          for query in queries.indices {
            accounts[query].columns[.marginal] = account(rows, query, sign, accounts[query].total)
          }
        } catch let error as LedgerError {
          // The other columns have their answers all the same.
          refuse(.marginal, Array(queries.indices), &accounts, "\(error)")
        }
      case .integrated:
        try integrate(group, plan, into: &accounts, sign, report)
      }
    }
    return accounts
  }

  func account(
    _ rows: Rows, _ query: Int, _ sign: Double, _ total: Double
  ) -> LedgerAccount {
    let items = rows.items[query].map { sign * $0 }
    let decay = sign * rows.decay[query]
    return LedgerAccount(
      items: items, decay: decay, residual: total - items.reduce(0, +) - decay,
      phases: rows.phases.isEmpty ? [] : rows.phases[query].map { $0.map { sign * $0 } },
      predictions: rows.predictions[query])
  }

  /// Goes through the run once and measures the queries before and after every step.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func measuredPath(
    _ group: [Range<Int>], _ trajectory: Trajectory<Scalar>, _ report: (Int, Int) throws -> Void
  ) throws -> (path: MeasuredPath, final: [Scalar]) {
    let count = group.reduce(0) { $0 + $1.count }
    var programs: [Int: QueryPrograms<Scalar>] = [:]
    for range in group where programs[range.count] == nil {
      programs[range.count] = try QueryPrograms(problem, count: range.count)
    }
    let blocks = group.compactMap { range in
      programs[range.count].map { QueryBlock(problem, range, $0) }
    }
    var path = MeasuredPath(queries: count)
    let values = AlignedBuffer<Scalar>(count, filledWith: 0)
    var final: [Scalar] = []
    try trajectory.forward { state in
      var first = 0
      state.parameters.withUnsafeBufferPointer { parameters in
        guard let base = parameters.baseAddress else { return }
        for block in blocks {
          block.values(at: base, into: values.base + first)
          first += block.count
        }
      }
      guard Scalar.allFinite(UnsafeBufferPointer(values.elements)) else {
        throw LedgerError.notFinite(what: "the measure of a query", step: state.step)
      }
      path.values += values.elements.map { Double($0) }
      if state.step == problem.run.batches.count { final = state.parameters }
      try progress.advance(count, report)
    }
    path.finish()
    return (path, final)
  }

  /// Sweeps back through a run, or takes the rows of an earlier sweep from the store.
  func sweep(
    _ problem: LedgerProblem<Scalar>, _ group: [Range<Int>], _ kind: LedgerSweep<Scalar>.Kind,
    _ trajectory: Trajectory<Scalar>, final: [Scalar], legMemory: Int, key: String,
    _ report: (Int, Int) throws -> Void
  ) throws -> Rows {
    let key = "\(key)-\(group[0].lowerBound)-\(group[group.count - 1].upperBound)"
    let sweep = try LedgerSweep(
      problem, group, kind, strangers: problem.strangers == nil ? nil : strangers, pool: pool,
      legMemory: legMemory)
    try store?.resume(key, sweep)
    let weight = sweep.queries.count * LedgerProgress.weight(kind)
    try progress.advance((trajectory.steps - sweep.position) * weight, report)
    var before = sweep.position
    do {
      try sweep.run(trajectory, final: final) {
        try progress.advance((before - sweep.position) * weight, report)
        before = sweep.position
        try store?.saveNowAndThen(key, sweep)
      }
    } catch let error as LedgerError {
      // What was swept last is no number: there is nothing to go on from.
      throw error
    } catch {
      try? store?.save(key, sweep)
      throw error
    }
    try store?.saveFinished(key, sweep)
    // A marginal is per unit of weight, and a removal takes all of it.
    let weights: [Scalar]? =
      if case .credit = kind { nil } else { self.problem.run.itemWeights }
    return rows(sweep, weights: weights)
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func rows(_ sweep: LedgerSweep<Scalar>, weights: [Scalar]?) -> Rows {
    let (run, count) = (problem.run, sweep.queries.count)
    let (steps, size, items) = (run.batches.count, run.batches.size, run.train.items.count)
    let phase = Phases(run.batches, items: items)
    var rows = Rows(
      items: [], decay: sweep.decay,
      phases: (0..<count).map { _ in
        [[Double]](repeating: [Double](repeating: 0, count: items), count: Phases.count)
      })
    for query in 0..<count {
      let visits = sweep.visits.base + query * steps * size
      for number in 0..<Phases.count {
        rows.phases[query][number].withUnsafeMutableBufferPointer { target in
          for step in phase[number] {
            for (entry, item) in run.batches[step].enumerated() where item >= 0 {
              target[item] += Double(visits[step * size + entry])
            }
          }
        }
      }
      rows.items.append(
        (0..<items).map { item in rows.phases[query].reduce(0) { $0 + $1[item] } })
      let width = sweep.strangers?.rowCount ?? 0
      let strangers = sweep.strangerCredits.base + query * width
      rows.predictions.append(prediction.changes(visits, strangers, weights: weights))
      rows.strangers.append(
        Array(
          UnsafeBufferPointer(start: strangers, count: width)))
    }
    return rows
  }
}
