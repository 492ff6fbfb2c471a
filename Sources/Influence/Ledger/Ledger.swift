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
  /// Bytes to stay within, besides the data; nil for 1 GiB.
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
  private let hasStandIns: Bool
  private let prediction: RemovalPrediction<Scalar>
  let store: LedgerStore?
  private var progress: LedgerProgress

  /// The largest share of the way between two checkpoints by which a replay missed the second one:
  /// 0 where the record is replayed bit for bit.
  public private(set) var largestDeparture = 0.0

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
    progress = LedgerProgress(problem, options)
    _ = try plan()
  }

  /// The accounts of all queries, Q of them.
  ///
  /// - Parameter report: Called now and then with the units of work done and the number expected.
  /// - Throws: ``LedgerError``, `TrainingError`, `FormatError`, or what `report` throws; what is done
  ///   then is saved in the options' folder.
  public func accounts(
    progress report: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> [OutputAccount] {
    let plan = try plan()
    var accounts: [OutputAccount] = []
    for group in plan.groups { accounts += try self.accounts(group, plan, report) }
    store?.removeAll()
    return accounts
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
  }

  /// Bytes that a person who gives no limit is content with.
  private static var standardMemory: Int { 1 << 30 }

  private func plan() throws -> Layout {
    let (run, stride) = (problem.run, MemoryLayout<Scalar>.stride)
    let allowed = options.memory ?? Self.standardMemory
    let states = run.model.layout.count * (1 + run.optimizer.rule.stateNames.count) * stride
    let fewest = Trajectory<Scalar>.smallestRoom(run.batches.count) * states
    let (visits, items) = (run.batches.rows.count, run.train.items.count)
    // Adjoints, chords, products and the tangents of a batch.
    let perQuery =
      (visits + (strangers?.rowCount ?? 0) + 12 * run.model.layout.count) * stride
      + 8 * (items * 8 + run.batches.size * 64)
    let blocks = LedgerSweep<Scalar>.blocks(problem.queries.count)
    let largest = (blocks.map(\.count).max() ?? 0) * perQuery
    let needed = fewest + largest
    guard needed <= allowed else { throw LedgerError.memory(needed: needed, allowed: allowed) }
    let forQueries = max(largest, (allowed - fewest) / 2)
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
    let forStates = max(fewest, (allowed - fewest - largest) / 3)
    return Layout(groups: groups, room: forStates / states, legMemory: (allowed - needed) / 8)
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
      problem.run, record: problem.record, room: plan.room, pool: pool)
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

  private func account(
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
  private func measuredPath(
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
  private func sweep(
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

  // MARK: Integrated

  /// Nodes of the integral over the weight, until the rows add up.
  private static var nodeCounts: [Int] { [8, 16, 32] }

  /// Integrates the marginal over the weight of all items together.
  ///
  /// With no weight only decay acts: what that does is the decay's row. Queries whose rows do not add
  /// up are refused.
  private func integrate(
    _ group: [Range<Int>], _ plan: Layout, into accounts: inout [OutputAccount], _ sign: Double,
    _ report: (Int, Int) throws -> Void
  ) throws {
    var open = Array(group.indices)
    let rowOf = group.indices.map { group[..<$0].reduce(0) { $0 + $1.count } }
    func queries(of blocks: [Int]) -> [Int] {
      blocks.flatMap { block in (0..<group[block].count).map { rowOf[block] + $0 } }
    }
    let full =
      problem.run.itemWeights ?? [Scalar](repeating: 1, count: problem.run.train.items.count)
    var decay: [Double] = []
    do {
      let idle = try replay(weights: full.map { _ in 0 }, plan)
      let measured = try measuredPath(group, idle, { _, _ in })
      decay = (0..<measured.path.queries).map {
        measured.path[measured.path.steps, $0] - measured.path[0, $0]
      }
    } catch let error as TrainingError {
      return refuse(.integrated, queries(of: open), &accounts, "\(error)")
    }
    for count in Self.nodeCounts where !open.isEmpty {
      let blocks = open.map { group[$0] }
      var sums = [[Double]](
        repeating: [Double](repeating: 0, count: full.count),
        count: blocks.reduce(0) { $0 + $1.count })
      var predictions = sums.map { _ in [Double](repeating: 0, count: options.removals.count) }
      if count > Self.nodeCounts[0] {
        progress.expect(count * problem.run.batches.count * sums.count * LedgerProgress.marginal)
      }
      let rule = GaussLegendre(count)
      do {
        for (number, (place, weight)) in zip(rule.nodes, rule.weights).enumerated() {
          let scaled = full.map { $0 * Scalar(place) }
          var problem = hasStandIns ? problem : problem.withoutStrangers
          problem.run.itemWeights = scaled
          let trajectory = try replay(weights: scaled, plan)
          var final: [Scalar] = []
          try trajectory.forward { if $0.step == trajectory.steps { final = $0.parameters } }
          let rows = try sweep(
            problem, blocks, .marginal, trajectory, final: final, legMemory: plan.legMemory,
            key: "integrated-\(count)-\(number)", report)
          for (query, items) in rows.items.enumerated() {
            for (item, value) in items.enumerated() {
              sums[query][item] += weight * Double(full[item]) * value
            }
            for (removal, change) in rows.predictions[query].enumerated() {
              predictions[query][removal] += weight * change
            }
          }
        }
      } catch let error as TrainingError {
        return refuse(.integrated, queries(of: open), &accounts, "\(error)")
      } catch let error as LedgerError {
        return refuse(.integrated, queries(of: open), &accounts, "\(error)")
      }
      var first = 0
      var stillOpen: [Int] = []
      for block in open {
        var isOpen = false
        for place in 0..<group[block].count {
          let query = rowOf[block] + place
          // A query that was balanced with fewer nodes keeps those.
          if let earlier = accounts[query].columns[.integrated], earlier.refusal == nil { continue }
          let rows = Rows(
            items: [sums[first + place]], decay: [decay[query]],
            predictions: [predictions[first + place]])
          var column = account(rows, 0, sign, accounts[query].total)
          if !(column.relativeResidual <= options.tolerance) {
            column.refusal =
              "the integral over the weight has not converged with \(count) nodes"
            // Twice the nodes of a smooth integrand leave far less than half: this one is not smooth.
            let before = accounts[query].columns[.integrated]?.relativeResidual ?? .infinity
            if column.relativeResidual < before / 2 { isOpen = true }
          }
          accounts[query].columns[.integrated] = column
        }
        if isOpen { stillOpen.append(block) }
        first += group[block].count
      }
      open = stillOpen
    }
  }

  /// The run with other weights, from its start.
  private func replay(weights: [Scalar], _ plan: Layout) throws -> Trajectory<Scalar> {
    var run = problem.run
    run.itemWeights = weights
    return try Trajectory(run, record: nil, room: plan.room, pool: pool)
  }

  /// Notes that a column has no answer for some queries, unless it has one already.
  private func refuse(
    _ column: LedgerColumn, _ queries: [Int], _ accounts: inout [OutputAccount], _ reason: String
  ) {
    for query in queries {
      if let earlier = accounts[query].columns[column], earlier.refusal == nil { continue }
      accounts[query].columns[column] = LedgerAccount(
        items: [Double](repeating: 0, count: problem.run.train.items.count),
        residual: accounts[query].total,
        predictions: [Double](repeating: 0, count: options.removals.count), refusal: reason)
    }
  }

  // MARK: Significance

  /// Compares the items of each output with strangers.
  private func compare(
    _ queries: [Int], _ credits: [[Scalar]], _ sign: Double, _ table: StrangerTable,
    _ accounts: inout [OutputAccount]
  ) {
    accounts.withUnsafeMutableBufferPointer { accounts in
      nonisolated(unsafe) let accounts = accounts
      pool.run(queries.count) { query, _ in
        accounts[query].significance = significance(
          queries[query], accounts[query].columns[.credit]?.items ?? [], credits[query], sign,
          table)
      }
    }
  }

  /// Counts for each item the strangers that would have had as much credit in its place.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func significance(
    _ query: Int, _ items: [Double], _ credits: [Scalar], _ sign: Double, _ table: StrangerTable
  ) -> Significance {
    let isOwn = ownStrangers(query)
    var isVisited = [Bool](repeating: false, count: items.count)
    for item in problem.run.batches.rows where item >= 0 { isVisited[item] = true }
    var atLeast = [Int](repeating: 0, count: items.count)
    var compared = atLeast
    for item in items.indices where isVisited[item] {
      for (place, stranger) in table.range[item].enumerated() where !isOwn[stranger] {
        compared[item] += 1
        if sign * Double(credits[table.start[item] + place]) >= items[item] { atLeast[item] += 1 }
      }
    }
    return Significance(atLeast: atLeast, of: compared)
  }

  /// Which strangers are the query itself: nobody is a stranger to himself.
  private func ownStrangers(_ query: Int) -> [Bool] {
    guard let strangers = problem.strangers else { return [] }
    let own = problem.queries.inputs.row(query).scalars
    let width = own.count
    return (0..<strangers.count).map { other in
      strangers.inputs.scalars[other * width..<(other + 1) * width].elementsEqual(own)
    }
  }
}

/// The first epoch of a run, what lies between, and the last.
struct Phases {
  static let count = 3
  private let steps: [Range<Int>]

  init(_ batches: Batches, items: Int) {
    let epoch = max(1, min((items + batches.size - 1) / batches.size, batches.count))
    let last = max(epoch, batches.count - epoch)
    steps = [0..<epoch, epoch..<last, last..<batches.count]
  }

  subscript(_ phase: Int) -> Range<Int> { steps[phase] }
}

/// How much of the work is done, in passes of one query through one step.
struct LedgerProgress {
  static let marginal = 3
  private var done = 0
  private var total: Int

  init<Scalar>(_ problem: LedgerProblem<Scalar>, _ options: LedgerOptions) {
    let unit = problem.queries.count * problem.run.batches.count
    total = unit
    if options.columns.contains(.credit) { total += unit * Self.weight(isCredit: true) }
    if options.columns.contains(.marginal) { total += unit * Self.marginal }
    if options.columns.contains(.integrated) { total += 8 * unit * Self.marginal }
  }

  static func weight<Scalar>(_ kind: LedgerSweep<Scalar>.Kind) -> Int {
    if case .credit = kind { weight(isCredit: true) } else { marginal }
  }

  private static func weight(isCredit: Bool) -> Int { isCredit ? 1 : marginal }

  mutating func expect(_ units: Int) { total += units }

  mutating func advance(_ units: Int, _ report: (Int, Int) throws -> Void) rethrows {
    done += units
    try report(min(done, total), total)
  }
}
