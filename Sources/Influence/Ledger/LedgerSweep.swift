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
      blocks = ranges.compactMap { range in
        guard let program = programs[range.count], let items = preparation.items else { return nil }
        return CreditBlock(
          run, QueryBlock(problem, range, program), items, rule: rule, values: values,
          tolerance: tolerance)
      }
    case .marginal:
      isCredit = false
      preparation = try StepPreparation.Program(
        problem, takesFactors: false, differentiatesScale: true)
      var curvatures: [Int: CurvatureProduct<Scalar>.Program] = [:]
      for range in ranges where curvatures[range.count] == nil {
        curvatures[range.count] = CurvatureProduct.Program(run, directions: range.count)
      }
      blocks = ranges.compactMap { range in
        guard let program = programs[range.count], let curvature = curvatures[range.count] else {
          return nil
        }
        return MarginalBlock(run, QueryBlock(problem, range, program), curvature)
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
  /// Queries of a block.
  private static var largestBlock: Int { 16 }

  /// Blocks of queries of nearly the same size, a multiple of four of them where there are so many.
  ///
  /// Which queries share a block depends on their number alone, so that no bit depends on the memory.
  static func blocks(_ queries: Int) -> [Range<Int>] {
    guard queries > 0 else { return [] }
    let wanted = (queries + largestBlock - 1) / largestBlock
    let number = min(queries, (wanted + 3) / 4 * 4)
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
      try goBack(leg, trajectory.clipScales)
      position = leg.range.lowerBound
      try afterLeg()
    }
  }

  private func goBack(_ leg: Trajectory<Scalar>.Leg, _ clipScales: [Scalar]) throws {
    var prepared = [PreparedStep<Scalar>](repeating: PreparedStep(), count: leg.range.count)
    prepared.withUnsafeMutableBufferPointer { prepared in
      nonisolated(unsafe) let prepared = prepared
      pool.run(leg.range.count) { number, worker in
        let step = leg.range.lowerBound + number
        prepared[number] = preparers[worker].prepare(step, leg, clipScale: clipScales[step])
      }
    }
    if blocks.count == 1 {
      goBack(0, leg, prepared, clipScales, pool: pool)
    } else {
      pool.run(blocks.count) { number, _ in
        goBack(number, leg, prepared, clipScales, pool: nil)
      }
    }
    for block in blocks {
      for part in block.adjoint.carried
      where !Scalar.allFinite(UnsafeBufferPointer(part.memory.elements)) {
        throw LedgerError.notFinite(
          what: "the sensitivity of query \(block.queries.range.lowerBound) or one of the "
            + "\(block.queries.count - 1) after it", step: leg.range.lowerBound)
      }
    }
  }

  private func goBack(
    _ number: Int, _ leg: Trajectory<Scalar>.Leg,
    _ prepared: [PreparedStep<Scalar>], _ clipScales: [Scalar], pool: WorkerPool?
  ) {
    let (block, first, size) = (blocks[number], firstRows[number], problem.run.batches.size)
    let dots = AlignedBuffer<Scalar>(block.queries.count * size, filledWith: 0)
    let strangers = strangers.map { StrangerRows(self, $0, block, firstRow: first) }
    for step in leg.range.reversed() {
      let step = (number: step, prepared: prepared[step - leg.range.lowerBound])
      block.goBack(
        step.number, of: leg, step.prepared, clipScale: clipScales[step.number], pool: pool,
        dots: dots.base)
      let entries = problem.run.batches[step.number]
      var scales = self.scales(entries)
      for query in 0..<block.queries.count {
        let target =
          visits.base + ((first + query) * problem.run.batches.count + step.number) * size
        Scalar.zip(.multiply, size, dots.base + query * size, true, &scales, true, target)
      }
      strangers?.add(
        step.prepared, entries, scales, isCredit ? clipScales[step.number] : 1)
    }
  }

  /// What each entry's product is multiplied by: w_i / b for credit, 1 / b for a marginal, 0 where
  /// there is no item.
  private func scales(_ entries: ArraySlice<Int>) -> [Scalar] {
    let present = Scalar(max(entries.count { $0 >= 0 }, 1))
    let weights = isCredit ? problem.run.itemWeights : nil
    return entries.map { $0 < 0 ? 0 : (weights?[$0] ?? 1) / present }
  }

  /// A block's part of what strangers would have added.
  private struct StrangerRows {
    let table: StrangerTable
    let block: any SweepBlock<Scalar>
    let factors: GradientFactors<Scalar>?
    /// `[D, M]` for M strangers.
    let dots: AlignedBuffer<Scalar>
    let number: Int
    let scratch: AlignedBuffer<Scalar>
    let credits: UnsafeMutablePointer<Scalar>

    init(
      _ sweep: LedgerSweep, _ table: StrangerTable, _ block: any SweepBlock<Scalar>, firstRow: Int
    ) {
      self.table = table
      self.block = block
      factors = sweep.preparation.strangerFactors
      number = sweep.problem.strangers?.count ?? 0
      dots = AlignedBuffer(block.queries.count * number, filledWith: 0)
      scratch = AlignedBuffer(
        factors?.contractionScratch(block.queries.count) ?? 0, filledWith: 0)
      credits = sweep.strangerCredits.base + firstRow * table.rowCount
    }

    /// Adds what each stranger would have added in the place of each of a step's items.
    func add(
      _ prepared: PreparedStep<Scalar>, _ entries: ArraySlice<Int>, _ scales: [Scalar],
      _ clipScale: Scalar
    ) {
      guard let factors else { return }
      var start = 0
      for memory in prepared.strangers {
        factors.contract(
          memory.rows, count: memory.count, with: block.adjoint.gradient, into: dots.base + start,
          stride: number, scratch: scratch.base)
        start += memory.count
      }
      for query in 0..<block.queries.count {
        for (entry, scale) in zip(entries, scales) where entry >= 0 {
          let range = table.range[entry]
          Scalar.axpy(
            range.count, scale * clipScale, dots.base + query * number + range.lowerBound,
            credits + query * table.rowCount + table.start[entry])
        }
      }
    }
  }
}

extension LedgerSweep {
  /// What decay did to the measure of each of ``queries``.
  var decay: [Double] { blocks.flatMap(\.decay) }

  /// What is carried on from step to step, to be saved and restored.
  var carried: [AlignedBuffer<Scalar>] {
    blocks.flatMap { $0.adjoint.carried.map(\.memory) } + [visits, strangerCredits]
  }

  /// Goes on from a saved position.
  func resume(at position: Int, decay: [Double]) {
    self.position = position
    for (block, first) in zip(blocks, firstRows) {
      block.decay = Array(decay[first..<first + block.queries.count])
    }
  }
}
