import TensorCore
import Training

extension ScoreEngine {
  /// The diagonal: Σ_k w_ki |∇ℓ_i|² of each item, `[N]`, never negative for positive weights.
  ///
  /// Computed from norms of factors in double precision; no pair is formed. The queries of the
  /// problem play no part.
  ///
  /// - Parameter progress: Receives the share done.
  /// - Throws: ``ScoreError/notFinite(what:item:place:)``, and what the progress throws.
  public func selfInfluence(
    progress: (Double) throws -> Void = { _ in }
  ) throws -> [Double] {
    let norms = try squareNorms(progress: progress)
    let terms = itemPlan.terms.count
    var result = [Double](repeating: 0, count: problem.items.count)
    for (number, checkpoint) in problem.checkpoints.enumerated() {
      for item in result.indices {
        let square = (0..<terms).reduce(0.0) {
          $0 + norms.base[(number * result.count + item) * terms + $1]
        }
        let weight =
          switch checkpoint.weight {
          case .uniform(let weight): weight
          case .perItem(let weights): weights[item]
          }
        result[item] += problem.isCosine ? (square > 0 ? 1 : 0) : weight * square
      }
    }
    return result
  }

  /// |∇ℓ_i|² by checkpoint, item and term, `[C, N, terms]`.
  func squareNorms(
    progress: (Double) throws -> Void = { _ in }
  ) throws -> AlignedBuffer<Double> {
    let items = problem.items.count
    let terms = itemPlan.terms.count
    let blocks = Blocks(items, size: itemPlan.batch)
    let norms = AlignedBuffer<Double>(
      problem.checkpoints.count * items * terms, filledWith: 0)
    let workers = (0..<pool.threads).map { _ in itemPlan.makeWorker() }
    try withPointers { pointers, _, checkpoints in
      try pool.run(blocks.number, progress) { number, thread in
        let (worker, block) = (workers[thread], blocks[number])
        worker.load(pointers, block)
        for (number, checkpoint) in checkpoints.enumerated() {
          worker.run(at: checkpoint)
          if problem.isCosine { worker.balanceCotangents(block.count) }
          worker.termNorms(
            block.count, into: norms.base + (number * items + block.lowerBound) * terms)
        }
      }
    }
    if let bad = norms.elements.firstIndex(where: { !$0.isFinite }) {
      throw ScoreError.notFinite(what: "training item", item: bad / max(terms, 1) % max(items, 1))
    }
    return norms
  }
}

extension WorkerPool {
  /// Runs blocks and reports the share done between rounds of them, which are long enough that the
  /// threads seldom wait for each other.
  fileprivate func run(
    _ blocks: Int, _ progress: (Double) throws -> Void, _ body: (Int, Int) -> Void
  ) rethrows {
    let rounds = Blocks(blocks, size: 64)
    for number in 0..<rounds.number {
      let round = rounds[number]
      run(round.count) { body(round.lowerBound + $0, $1) }
      try progress(Double(round.upperBound) / Double(blocks))
    }
  }
}
