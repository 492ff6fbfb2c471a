import Autodiff
import Logging
public import TensorCore
import Training

/// Computes the scores of a ``ScoreProblem``: the matrix, the strongest items, the diagonal.
///
/// Items go through the network in batches and are scored in blocks of batches, of fixed sizes, each
/// worker taking blocks; a block's scores
/// against all queries are products of small factors. Neither the number of
/// threads nor the memory allowed changes a bit of the result.
public struct ScoreEngine<Scalar: TensorScalar>: Sendable {
  /// What is asked.
  public let problem: ScoreProblem<Scalar>
  /// How the work is laid out.
  public let estimate: ScoreEstimate
  let pool: WorkerPool
  let itemPlan: FactorPlan<Scalar>
  let queryPlan: FactorPlan<Scalar>
  let paths: [ProductPath]
  /// Items that a worker scores together.
  let blockSize: Int
  let transposesQueryInputs: Bool

  /// Checks the problem and compiles what it needs.
  ///
  /// - Parameters:
  ///   - pool: The threads that share the blocks.
  ///   - memory: Bytes that the computation may take beyond the problem itself; nil for no limit.
  /// - Throws: ``ScoreError`` where the parts do not fit together or into the memory;
  ///   `GraphError` where a gradient has no factors.
  public init(
    _ problem: ScoreProblem<Scalar>, pool: WorkerPool, memory: Int? = nil
  ) throws {
    try self.init(problem, pool: pool, memory: memory, path: nil)
  }

  /// The same with one path forced on every term that allows it, or with other sizes, for tests.
  package init(
    _ problem: ScoreProblem<Scalar>, pool: WorkerPool, memory: Int?, path: String?,
    batch: Int? = nil, blockSize: Int? = nil
  ) throws {
    try problem.validate()
    self.problem = problem
    self.pool = pool
    // A sample decides; which items it holds depends on the data alone.
    let sample = min(problem.items.inputs.count, 1 << 20)
    let density = problem.items.inputs.scalars.withUnsafeBufferPointer {
      SparseRows.density(UnsafeBufferPointer(rebasing: $0[..<sample]))
    }
    let few = try GradientFactors<Scalar>(
      problem.model, loss: problem.loss, measure: QueryMeasure(problem.measure, loss: problem.loss),
      batch: Self.sampleBatch)
    itemPlan = try FactorPlan(
      problem.model, loss: problem.loss, measure: .loss, negated: false, layers: problem.layers,
      batch: batch ?? FactorPlan<Scalar>.batch(problem.items.count, few),
      hasSparseInputs: density < SparseRows<Scalar>.worthwhileDensity)
    queryPlan = try FactorPlan(
      problem.model, loss: problem.loss, measure: problem.measure,
      negated: !problem.measure.isLowerBetter, layers: problem.layers,
      batch: FactorPlan<Scalar>.batch(problem.queries.count, few))
    precondition(
      itemPlan.terms.map(\.extents) == queryPlan.terms.map(\.extents),
      "the gradients of items and queries have different terms")
    let cost = CostModel(queries: problem.rowCount)
    let forced =
      problem.aggregatesQueries ? .contraction : path.flatMap { ProductPath(rawValue: $0) }
    let cheapest = itemPlan.terms.map { term -> ProductPath in
      switch forced {
      case .ghost? where term.rankOne != nil, .materialized?: forced ?? .materialized
      case .contraction? where term.allowsContraction: .contraction
      // The sum of the queries' gradients is one dense row.
      case .contraction?: .materialized
      default: cost.path(for: term)
      }
    }
    // A gradient that is a factor itself goes with those that are formed, a whole block at once.
    let formsGradients = forced == nil && cheapest.contains(.materialized)
    paths = zip(itemPlan.terms, cheapest).map { term, path in
      formsGradients && path == .ghost && term.rankOne?.activation == nil ? .materialized : path
    }
    self.blockSize =
      blockSize ?? PairwiseWorker.block(itemPlan, paths, items: problem.items.count)
    transposesQueryInputs =
      itemPlan.hasSparseInputs
      && zip(itemPlan.terms, paths).contains { [itemPlan] in
        $1 == .ghost && itemPlan.meetsInputs($0)
      }
    estimate = try ScoreEstimate(
      problem, itemPlan, queries: queryPlan, paths: paths, blockSize: self.blockSize,
      threads: pool.threads,
      memory: memory, cost: cost, transposesQueryInputs: transposesQueryInputs)
    log(density: density)
  }

  /// Items of a plan that is compiled only to know what memory an item takes.
  private static var sampleBatch: Int { 4 }

  /// Says how the work is laid out, for those who ask.
  private func log(density: Double) {
    let logger = Logger(label: "palimpsest.influence")
    for (term, path) in zip(itemPlan.terms, paths) {
      logger.debug("\(term.names.joined(separator: " and ")): \(path.rawValue) products")
    }
    logger.debug(
      """
      \(Int(density * 100)) % of the inputs are nonzero, \
      \(itemPlan.hasSparseInputs ? "products over them alone" : "dense products"); \
      batches of \(itemPlan.batch) items in blocks of \(blockSize), \(estimate.chunkQueries) queries at once, \
      \(pool.threads) threads
      """)
  }

  /// The scores `[Q, N]`.
  ///
  /// - Throws: ``ScoreError/notFinite(what:item:place:)``.
  /// - Complexity: 2·C·N·Q·Σ(I + O) operations for a multilayer perceptron, and one forward and
  ///   backward pass of all items at each of the C checkpoints.
  public func scores() throws -> Tensor<Scalar> {
    var matrix = Tensor<Scalar>([problem.rowCount, problem.items.count])
    try scores(into: &matrix)
    return matrix
  }

  /// The scores `[Q, N]`, written over a matrix that the caller keeps.
  ///
  /// - Throws: ``ScoreError/notFinite(what:item:place:)``; the matrix holds no scores then.
  /// - Precondition: The matrix has the shape `[Q, N]`.
  public func scores(into matrix: inout Tensor<Scalar>) throws {
    let (queries, items) = (problem.rowCount, problem.items.count)
    precondition(matrix.shape == [queries, items], "\(matrix.shape) for [\(queries), \(items)]")
    try matrix.scalars.withUnsafeMutableBufferPointer { matrix in
      guard let base = matrix.baseAddress else { return }
      try forEachQueryChunk { side, pointers, rows in
        let workers = makeWorkers(side.count)
        try score(pointers, side, 0..<items, workers) { _, range, worker in
          for row in 0..<rows.count {
            (base + (rows.lowerBound + row) * items + range.lowerBound).update(
              from: worker.scores.base + row * blockSize, count: range.count)
          }
        }
      }
    }
  }

  /// Computes the scores panel by panel, for a matrix that is not to be kept in memory.
  ///
  /// - Parameter panel: Receives the rows (queries) and columns (items) of a panel and its scores,
  ///   row-major. Panels do not overlap and cover the matrix.
  /// - Returns: The measure of each query at the last checkpoint.
  @discardableResult
  public func forEachPanel(
    progress: (Double) throws -> Void = { _ in },
    _ panel: (Range<Int>, Range<Int>, UnsafeBufferPointer<Scalar>) throws -> Void
  ) throws -> [Double] { try panels(progress: progress, panel).measured }

  /// The same, and which queries have no gradient.
  func panels(
    progress: (Double) throws -> Void,
    _ panel: (Range<Int>, Range<Int>, UnsafeBufferPointer<Scalar>) throws -> Void
  ) throws -> (measured: [Double], areFlat: [Bool]) {
    var measured: [Double] = []
    var areFlat: [Bool] = []
    let panels = Blocks(problem.items.count, size: estimate.panelItems)
    try forEachQueryChunk { side, pointers, rows in
      let workers = makeWorkers(side.count)
      let memory = AlignedBuffer<Scalar>(side.count * estimate.panelItems, filledWith: 0)
      for number in 0..<panels.number {
        let columns = panels[number]
        try score(pointers, side, columns, workers) { _, range, worker in
          for row in 0..<rows.count {
            (memory.base + row * columns.count + range.lowerBound - columns.lowerBound).update(
              from: worker.scores.base + row * blockSize, count: range.count)
          }
        }
        try panel(
          rows, columns, UnsafeBufferPointer(start: memory.base, count: rows.count * columns.count))
        try progress(
          (Double(rows.lowerBound) * Double(problem.items.count)
            + Double(rows.count) * Double(columns.upperBound))
            / max(Double(problem.rowCount) * Double(problem.items.count), 1))
      }
      measured += side.values.map { Double($0) }
      areFlat += flatQueries(side, of: rows.count, pointers.checkpoints)
    }
    return (measured, areFlat)
  }

  /// The names of the parameters whose gradients are compared, in the order of the model.
  public var comparedParameters: [String] { itemPlan.parameterNames }

  // MARK: Parts

  /// Items and checkpoints at fixed addresses.
  struct Pointers {
    let items: ItemPointers<Scalar>
    let checkpoints: [CheckpointPointers<Scalar>]
  }

  func makeWorkers(_ queries: Int) -> [PairwiseWorker<Scalar>] {
    (0..<pool.threads).map { _ in
      PairwiseWorker(
        itemPlan, paths: paths, block: blockSize, queries: queries,
        checkpoints: problem.checkpoints.count)
    }
  }

  /// Prepares the queries, as many at a time as the memory allows.
  func forEachQueryChunk(
    _ body: (QuerySide<Scalar>, Pointers, Range<Int>) throws -> Void
  ) throws {
    let chunks = Blocks(problem.queries.count, size: estimate.chunkQueries)
    try withPointers { items, queries, checkpoints in
      if problem.aggregatesQueries {
        let side = try queryPlan.aggregateSide(
          queries, checkpoints: checkpoints, isCosine: problem.isCosine)
        return try body(side, Pointers(items: items, checkpoints: checkpoints), 0..<1)
      }
      for number in 0..<chunks.number {
        let rows = chunks[number]
        let side = try queryPlan.querySide(
          queries, rows, checkpoints: checkpoints, paths: paths, isCosine: problem.isCosine,
          transposesInputs: transposesQueryInputs, pool: pool)
        try body(side, Pointers(items: items, checkpoints: checkpoints), rows)
      }
    }
  }

  /// Scores blocks of a range of items; the body runs on the worker right after each block.
  ///
  /// - Throws: ``ScoreError/notFinite(what:item:place:)`` with the first bad item.
  func score(
    _ pointers: Pointers, _ side: QuerySide<Scalar>, _ items: Range<Int>,
    _ workers: [PairwiseWorker<Scalar>],
    _ body: (_ worker: Int, _ block: Range<Int>, PairwiseWorker<Scalar>) -> Void
  ) throws(ScoreError) {
    let blocks = Blocks(items.count, size: blockSize)
    let isBad = AlignedBuffer<Bool>(blocks.number, filledWith: false)
    pool.run(blocks.number) { number, worker in
      let local = blocks[number]
      let block = items.lowerBound + local.lowerBound..<items.lowerBound + local.upperBound
      let isFinite = workers[worker].run(
        pointers.items, block, side, checkpoints: pointers.checkpoints,
        isCosine: problem.isCosine)
      isBad.base[number] = !isFinite
      body(worker, block, workers[worker])
    }
    if let bad = isBad.elements.firstIndex(of: true) {
      let block = blocks[bad]
      throw .notFinite(
        what: "training item",
        item: firstBadItem(
          pointers, side, items.lowerBound + block.lowerBound..<items.lowerBound + block.upperBound,
          workers[0]))
    }
  }

  /// Runs a bad block again to name its first bad item.
  private func firstBadItem(
    _ pointers: Pointers, _ side: QuerySide<Scalar>, _ block: Range<Int>,
    _ worker: PairwiseWorker<Scalar>
  ) -> Int {
    _ = worker.run(
      pointers.items, block, side, checkpoints: pointers.checkpoints, isCosine: problem.isCosine)
    for item in 0..<block.count {
      for query in 0..<side.count
      where !worker.scores.base[query * blockSize + item].isFinite {
        return block.lowerBound + item
      }
    }
    return block.lowerBound
  }

  func withPointers(
    _ body: (
      _ items: ItemPointers<Scalar>, _ queries: ItemPointers<Scalar>, [CheckpointPointers<Scalar>]
    ) throws -> Void
  ) throws {
    // One flat copy of all checkpoints gives every one an address for the whole computation.
    let size = problem.model.layout.count
    let flat = AlignedBuffer<Scalar>(size * problem.checkpoints.count, filledWith: 0)
    for (number, checkpoint) in problem.checkpoints.enumerated() {
      (flat.base + number * size).update(from: checkpoint.parameters, count: size)
    }
    let checkpoints = problem.checkpoints.enumerated().map { number, checkpoint in
      let parameters = UnsafePointer(flat.base + number * size)
      return CheckpointPointers(
        parameters: parameters, weight: checkpoint.weight,
        inputWeights: itemPlan.factors.inputWeights.map {
          TransposedPanels(parameters + $0.offset, rows: $0.shape[0], columns: $0.shape[1])
        })
    }
    try problem.items.withPointers { items in
      try problem.queries.withPointers { queries in
        try body(items, queries, checkpoints)
      }
    }
    withExtendedLifetime(flat) {}
  }
}
