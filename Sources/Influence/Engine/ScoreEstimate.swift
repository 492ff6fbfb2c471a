import Autodiff
import TensorCore
import Training

/// What a score computation will take, known before it starts.
public struct ScoreEstimate: Sendable, Equatable {
  /// N.
  public let items: Int
  /// Q.
  public let queries: Int
  /// P, the parameters whose gradients are compared.
  public let parameters: Int
  /// Floating-point operations of the products and of the passes through the network.
  public let operations: Double
  /// Bytes of memory at the peak, the problem itself included.
  public let peakBytes: Int
  /// Queries that are held at once.
  public let chunkQueries: Int
  /// Items of one panel of a streamed matrix.
  public let panelItems: Int

  /// Bytes that a process takes before it computes anything.
  private static let processBytes = 48 << 20
  /// Bytes of a streamed panel where memory is plenty.
  private static let panelBytes = 8 << 20

  /// Lays the work out within the memory.
  ///
  /// Queries are held in multiples of the tile, panels in multiples of the block, so that the
  /// products, and with them the bits of the result, are the same for any memory.
  ///
  /// - Throws: ``ScoreError/memory(needed:allowed:)``.
  init<Scalar: TensorScalar>(
    _ problem: ScoreProblem<Scalar>, _ plan: FactorPlan<Scalar>,
    queries queryPlan: FactorPlan<Scalar>, paths: [ProductPath], blockSize: Int, threads: Int,
    memory: Int?, cost: CostModel, transposesQueryInputs: Bool
  ) throws(ScoreError) {
    let size = MemoryLayout<Scalar>.stride
    let checkpoints = problem.checkpoints.count
    items = problem.items.count
    queries = problem.rowCount
    parameters = plan.gradientCount
    operations =
      Double(checkpoints)
      * (Double(items)
        * (plan.terms.reduce(0) { $0 + cost.operations($1) } + plan.factors.operations)
        + Double(problem.queries.count) * queryPlan.factors.operations)
    let resident =
      Self.processBytes
      + size
      * (problem.items.inputs.count + problem.items.targetCount + problem.queries.inputs.count
        + 3 * checkpoints * problem.model.layout.count)
    // Norms by checkpoint, item and term, weights by item, and the order of falling norm.
    let perItem = 8 * items * (checkpoints * (plan.terms.count + 1) + 3)
    func bytes(_ chunk: Int, _ panel: Int) -> Int {
      let rows = zip(plan.terms, paths).reduce(0) { $0 + plan.rowCount($1.0, $1.1) }
      let side =
        chunk * (checkpoints * rows + (transposesQueryInputs ? 2 : 1) * plan.inputCount)
      let worker = PairwiseWorker<Scalar>.memoryCount(
        plan, paths: paths, block: blockSize, queries: chunk, checkpoints: checkpoints)
      // Queries are prepared before items are scored. They count twice: those still open are gathered
      // beside all of them.
      let preparing = threads * FactorWorker.memoryCount(queryPlan)
      let scoring = threads * worker + chunk * max(panel, 8 * blockSize)
      return resident + perItem + size * (2 * side + max(preparing, scoring))
    }
    let tile = PairwiseWorker<Scalar>.tile
    var chunk = max(queries, 1)
    var panel = max(
      Self.panelBytes / size / max(chunk, 1) / blockSize * blockSize, blockSize)
    panel = min(panel, max((items + blockSize - 1) / blockSize * blockSize, blockSize))
    if let memory {
      while bytes(chunk, panel) > memory, panel > blockSize {
        panel = max(panel / 2 / blockSize * blockSize, blockSize)
      }
      while bytes(chunk, panel) > memory, chunk > tile {
        chunk = max((chunk / 2 + tile - 1) / tile * tile, tile)
      }
      guard bytes(chunk, panel) <= memory else {
        throw .memory(needed: bytes(chunk, panel), allowed: memory)
      }
    }
    chunkQueries = chunk
    panelItems = panel
    peakBytes = bytes(chunk, panel)
  }
}
