import TensorCore
import Training

/// One way back through a run for all queries: what every visit of an item adds to each measure.
///
/// The steps are gone through in legs. On each leg the threads first prepare its steps, which all
/// queries share, then take blocks of queries down the leg.
final class LedgerSweep<Scalar: TensorScalar> {
  /// What is swept.
  enum Kind {
    case credit(rule: QuadratureRule, values: MeasuredPath, tolerance: Double)
    case marginal
  }

  let problem: LedgerProblem<Scalar>
  /// The ledger's queries that are swept, Q of them, in the order of the rows.
  let queries: [Int]
  /// `[Q, S, B]`: what each entry of each batch added; per unit of weight for a marginal.
  let visits: AlignedBuffer<Scalar>
  /// What strangers would have added in the places of the items, a row for each query as the table
  /// has them.
  let strangerCredits: AlignedBuffer<Scalar>
  let strangers: StrangerTable?
  /// The step that comes next is the one before this.
  private(set) var position: Int
  private let isCredit: Bool
  private let blocks: [any SweepBlock<Scalar>]
  /// The row of each block's first query.
  private let firstRows: [Int]
  private let preparation: StepPreparation<Scalar>.Program
  private let preparers: [StepPreparation<Scalar>]
  private let pool: WorkerPool
  private let legSize: Int

  init(
    _ problem: LedgerProblem<Scalar>, _ ranges: [Range<Int>], _ kind: Kind,
    strangers: StrangerTable?, pool: WorkerPool, legMemory: Int
  ) throws {
    self.problem = problem
    self.pool = pool
    self.strangers = strangers
    let run = problem.run
    position = run.batches.count
    var programs: [Int: QueryPrograms<Scalar>] = [:]
    for range in ranges where programs[range.count] == nil {
      programs[range.count] = try QueryPrograms(problem, count: range.count)
    }
    switch kind {
    case .credit(let rule, let values, let tolerance):
      isCredit = true
      let preparation = try StepPreparation<Scalar>.Program(
        problem, takesFactors: true, differentiatesScale: false)
      self.preparation = preparation
      let rows = Dictionary(
        uniqueKeysWithValues: ranges.flatMap { $0 }.enumerated().map { ($1, $0) })
      let few = rule.isRefined ? try QueryPrograms(problem, count: Self.few) : nil
      blocks = ranges.compactMap { range in
        guard let program = programs[range.count], let items = preparation.items else { return nil }
        let setting = CreditSetting(
          run: run, items: items, strangers: preparation.strangerFactors, rule: rule, path: values,
          tolerance: tolerance, rowOf: rows)
        let queries = QueryBlock(problem, range, program, few: few)
        if run.optimizer.rule.stateNames.isEmpty, run.optimizer.groups.isEmpty,
          let products = FactorProducts(items)
        {
          return FactoredCreditBlock(queries, setting, products)
        }
        return CreditBlock(queries, setting)
      }
    case .marginal:
      isCredit = false
      preparation = try StepPreparation.Program(
        problem, takesFactors: false, differentiatesScale: true)
      let strangerFactors = preparation.strangerFactors
      var curvatures: [Int: CurvatureProduct<Scalar>.Program] = [:]
      for range in ranges where curvatures[range.count] == nil {
        curvatures[range.count] = CurvatureProduct.Program(run, directions: range.count)
      }
      blocks = ranges.compactMap { range in
        guard let program = programs[range.count], let curvature = curvatures[range.count] else {
          return nil
        }
        return MarginalBlock(
          run, QueryBlock(problem, range, program), curvature, strangers: strangerFactors)
      }
    }
    let preparation = preparation
    preparers = (0..<pool.threads).map { _ in StepPreparation(preparation) }
    let bytes = max(preparation.stepCount, 1) * MemoryLayout<Scalar>.stride
    legSize = max(1, min(Self.longestLeg, legMemory / bytes))
    queries = ranges.flatMap { Array($0) }
    firstRows = ranges.indices.map { ranges[..<$0].reduce(0) { $0 + $1.count } }
    visits = AlignedBuffer(
      queries.count * run.batches.count * run.batches.size, filledWith: 0)
    strangerCredits = AlignedBuffer(
      queries.count * (strangers?.rowCount ?? 0), filledWith: 0)
  }

  /// Steps after which the threads meet: few enough that progress is seen and an interruption is
  /// not waited for.
  private static var longestLeg: Int { 32 }
  /// Parameters below which a step costs less than handing it to another thread.
  private static var smallNetwork: Int { 1 << 15 }
  /// Queries of the smaller batches for points of a chord that few need.
  private static var few: Int { 4 }

  /// Blocks of queries of nearly the same size: up to 16 in each and a multiple of four of them, or up
  /// to 32 in each of two where the network is small.
  ///
  /// Which queries share a block depends on the problem alone, so that a ledger which was interrupted
  /// goes on under any number of threads and any limit of memory.
  static func blocks(_ queries: Int, parameters: Int) -> [Range<Int>] {
    guard queries > 0 else { return [] }
    let isSmall = parameters <= smallNetwork
    let wanted = (queries + (isSmall ? 31 : 15)) / (isSmall ? 32 : 16)
    let number = min(queries, isSmall && wanted <= 2 ? 2 : (wanted + 3) / 4 * 4)
    return (0..<number).map { $0 * queries / number..<($0 + 1) * queries / number }
  }

  /// Goes back through the steps that are left.
  ///
  /// - Parameters:
  ///   - trajectory: The run's states; it has gone forward once.
  ///   - afterLeg: Called after each leg, with ``position`` moved.
  /// - Throws: ``LedgerError/notFinite(what:step:)``, and what `afterLeg` and the replay throw.
  func run(
    _ trajectory: Trajectory<Scalar>, final: [Scalar], afterLeg: () throws -> Void
  ) throws {
    if position == problem.run.batches.count {
      final.withUnsafeBufferPointer { final in
        guard let base = final.baseAddress else { return }
        for block in blocks { block.begin(at: base) }
      }
    }
    try trajectory.descend(from: position, legSize: legSize) { leg in
      try goBack(leg, trajectory)
      position = leg.range.lowerBound
      try afterLeg()
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func goBack(
    _ leg: Trajectory<Scalar>.Leg, _ trajectory: Trajectory<Scalar>
  ) throws {
    let (clipScales, replaced) = (trajectory.clipScales, trajectory.replaced)
    var prepared = [PreparedStep<Scalar>](repeating: PreparedStep(), count: leg.range.count)
    prepared.withUnsafeMutableBufferPointer { prepared in
      nonisolated(unsafe) let prepared = prepared
      pool.run(leg.range.count) { number, worker in
        let step = leg.range.lowerBound + number
        prepared[number] = preparers[worker].prepare(step, leg, clipScale: clipScales[step])
      }
    }
    if blocks.count == 1 {
      goBack(0, leg, prepared, clipScales, replaced, pool: pool)
    } else {
      pool.run(blocks.count) { number, _ in
        goBack(number, leg, prepared, clipScales, replaced, pool: nil)
      }
    }
    try checkFinite(leg.range)
  }

  /// Refuses what some steps have made NaN or infinite.
  private func checkFinite(_ steps: Range<Int>) throws(LedgerError) {
    for block in blocks {
      for part in block.carried
      where !Scalar.allFinite(UnsafeBufferPointer(part.memory.elements)) {
        let (first, last) = (block.queries.range.lowerBound, block.queries.range.upperBound - 1)
        let which = first == last ? "query \(first)" : "one of the queries \(first) to \(last)"
        throw .notFinite(what: "the sensitivity of \(which)", step: steps.lowerBound)
      }
    }
    let (all, size) = (problem.run.batches.count, problem.run.batches.size)
    for (row, query) in queries.enumerated() {
      let added = UnsafeBufferPointer(
        start: visits.base + (row * all + steps.lowerBound) * size, count: steps.count * size)
      guard Scalar.allFinite(added) else {
        throw .notFinite(what: "what an item adds to query \(query)", step: steps.lowerBound)
      }
    }
    guard Scalar.allFinite(UnsafeBufferPointer(strangerCredits.elements)) else {
      throw .notFinite(what: "the credit of an item never trained on", step: steps.lowerBound)
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func goBack(
    _ number: Int, _ leg: Trajectory<Scalar>.Leg,
    _ prepared: [PreparedStep<Scalar>], _ clipScales: [Scalar], _ replaced: Set<Int>,
    pool: WorkerPool?
  ) {
    let (block, first, size) = (blocks[number], firstRows[number], problem.run.batches.size)
    let (count, others) = (block.queries.count, problem.strangers?.count ?? 0)
    let items = AlignedBuffer<Scalar>(count * size, filledWith: 0)
    let strangers = AlignedBuffer<Scalar>(count * others, filledWith: 0)
    for step in leg.range.reversed() {
      items.clear()
      strangers.clear()
      block.goBack(
        SweptStep(
          number: step, leg: leg, prepared: prepared[step - leg.range.lowerBound],
          clipScale: clipScales[step], isReplaced: replaced.contains(step), pool: pool),
        into: StepProducts(
          items: items.base, strangers: strangers.base, strangerCount: others))
      let entries = problem.run.batches[step]
      // A marginal is for each unit of weight.
      var shares = problem.run.shares(of: step, countsWeights: isCredit)
      for query in 0..<count {
        let target = visits.base + ((first + query) * problem.run.batches.count + step) * size
        Scalar.zip(.multiply, size, items.base + query * size, true, &shares, true, target)
      }
      if others > 0 { addStrangers(strangers, others, entries, shares, first..<first + count) }
    }
  }

  /// Adds what each stranger would have added in the place of each of a step's items.
  private func addStrangers(
    _ products: AlignedBuffer<Scalar>, _ number: Int, _ entries: ArraySlice<Int>,
    _ shares: [Scalar], _ rows: Range<Int>
  ) {
    guard let table = strangers else { return }
    for (query, row) in rows.enumerated() {
      for (entry, share) in zip(entries, shares) where entry >= 0 {
        let range = table.range[entry]
        Scalar.axpy(
          range.count, share, products.base + query * number + range.lowerBound,
          strangerCredits.base + row * table.rowCount + table.start[entry])
      }
    }
  }
}

extension LedgerSweep {
  /// What decay did to the measure of each of ``queries``.
  var decay: [Double] { blocks.flatMap(\.decay) }

  /// What is carried on from step to step, to be saved and restored.
  var carried: [AlignedBuffer<Scalar>] {
    blocks.flatMap { $0.carried.map(\.memory) } + [visits, strangerCredits]
  }

  /// Goes on from a saved position.
  func resume(at position: Int, decay: [Double]) {
    self.position = position
    for (block, first) in zip(blocks, firstRows) {
      block.decay = Array(decay[first..<first + block.queries.count])
    }
  }
}

extension TrainingRun {
  /// What each entry of a step's batch has in the batch's mean gradient: w_i / b, or 1 / b for each
  /// unit of weight; 0 where there is no item.
  func shares(of step: Int, countsWeights: Bool = true) -> [Scalar] {
    let entries = batches[step]
    let present = Scalar(max(entries.count { $0 >= 0 }, 1))
    let weights = countsWeights ? itemWeights : nil
    return entries.map { $0 < 0 ? 0 : (weights?[$0] ?? 1) / present }
  }
}
