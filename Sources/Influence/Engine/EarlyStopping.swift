import TensorCore
import Training

/// The strongest items of all queries and what finding them took.
public struct TopScores: Sendable {
  /// By query.
  public let queries: [TopItems]
  /// The measure of each query at the last checkpoint.
  public let measured: [Double]
  /// The share of the N · Q products that a bound made unnecessary.
  public let skippedShare: Double
  /// Why all scores of a query are zero, by query; nil where one is not, or where none was kept.
  public let zeroReasons: [String?]
}

extension ScoreEngine {
  /// The k highest and k lowest scores of each query, exactly, without keeping the matrix.
  ///
  /// Items are visited in the order of falling gradient norm. No score exceeds
  /// Σ |∇f_q| |∇ℓ_i| over terms and checkpoints (Cauchy–Schwarz), so once that bound for the items
  /// still to come is below what a query has found, the query is done. Of equal scores the earlier
  /// item counts.
  ///
  /// - Parameter stopsEarly: Whether to order and stop; without it every product is taken. Cosines
  ///   have no useful bound and never stop early.
  /// - Throws: ``ScoreError/notFinite(what:item:place:)``.
  public func topItems(
    _ k: Int, stopsEarly: Bool = true, progress: (Double) throws -> Void = { _ in }
  ) throws -> TopScores {
    let items = problem.items.count
    let bounds = stopsEarly && !problem.isCosine ? try ItemBounds(self) : nil
    var results: [TopItems] = []
    var measured: [Double] = []
    var areFlat: [Bool] = []
    var taken = 0
    let rounds = Blocks(items, size: blockSize * 8)
    try forEachQueryChunk { side, pointers, rows in
      var collectors = [TopCollector](repeating: TopCollector(k: k), count: rows.count)
      var active = Array(0..<rows.count)
      var current = side
      let workers = makeWorkers(side.count)
      let panel = AlignedBuffer<Scalar>(side.count * rounds.size, filledWith: 0)
      let candidates = (0..<pool.threads).map { _ in CandidateMemory() }
      for number in 0..<rounds.number {
        let round = rounds[number]
        if let bounds {
          let open = active.filter { query in
            collectors[query].couldTake(
              bounds.largestScore(
                from: number, query: query, of: rows.count, weights: side.squareNorms, self))
          }
          if open.isEmpty { break }
          if open.count < active.count {
            active = open
            current = side.gathering(open, queryPlan)
          }
        }
        taken += active.count * round.count
        let numbers = bounds.map { Array($0.order[round]) } ?? Array(round)
        try scoreRound(bounds == nil ? nil : numbers, round, pointers, current, workers, panel)
        let width = round.count
        let scores = panel
        collectors.withUnsafeMutableBufferPointer { collectors in
          numbers.withUnsafeBufferPointer { numbers in
            // Each block holds different queries.
            nonisolated(unsafe) let collectors = collectors
            let blocks = Blocks(active.count, size: 16)
            pool.run(blocks.number) { block, thread in
              for row in blocks[block] {
                collectors[active[row]].take(
                  scores.base + row * width, numbers: numbers, candidates[thread])
              }
            }
          }
        }
        try progress(
          (Double(rows.lowerBound) * Double(items) + Double(rows.count) * Double(round.upperBound))
            / max(Double(problem.rowCount) * Double(items), 1))
      }
      results += collectors.map(\.result)
      measured += side.values.map { Double($0) }
      areFlat += flatQueries(side, of: rows.count, pointers.checkpoints)
    }
    let reasons = zip(results, areFlat).map { top, isFlat -> String? in
      guard k > 0, items > 0, top.supporters.isEmpty, top.opponents.isEmpty else { return nil }
      return problem.zeroReason ?? (isFlat ? ZeroScores.query : ZeroScores.items)
    }
    let all = Double(problem.rowCount) * Double(items)
    return TopScores(
      queries: results, measured: measured,
      skippedShare: all > 0 ? max(0, 1 - Double(taken) / all) : 0, zeroReasons: reasons)
  }

  /// Scores one round of items, in the given order or as they stand, into a panel `[Q, round]`.
  private func scoreRound(
    _ order: [Int]?, _ round: Range<Int>, _ pointers: Pointers, _ side: QuerySide<Scalar>,
    _ workers: [PairwiseWorker<Scalar>], _ panel: AlignedBuffer<Scalar>
  ) throws {
    func run(_ pointers: Pointers, _ range: Range<Int>) throws {
      try score(pointers, side, range, workers) { _, block, worker in
        for row in 0..<side.count {
          (panel.base + row * round.count + block.lowerBound - range.lowerBound).update(
            from: worker.scores.base + row * blockSize, count: block.count)
        }
      }
    }
    guard let order else { return try run(pointers, round) }
    let checkpoints = pointers.checkpoints.map { checkpoint in
      guard case .perItem(let weights) = checkpoint.weight else { return checkpoint }
      return CheckpointPointers(
        parameters: checkpoint.parameters, weight: .perItem(order.map { weights[$0] }),
        inputWeights: checkpoint.inputWeights)
    }
    do {
      try problem.items[order].withPointers {
        try run(Pointers(items: $0, checkpoints: checkpoints), 0..<order.count)
      }
    } catch ScoreError.notFinite(let what, let item, let place) {
      throw ScoreError.notFinite(what: what, item: order[item], place: place)
    }
  }
}

/// Items in the order of falling gradient norm, and what bounds their scores.
struct ItemBounds<Scalar: TensorScalar> {
  /// Item numbers, the largest gradient first.
  let order: [Int]
  /// By round: the largest weighted norm of any item from there on.
  private let largest: [Double]
  /// By round, checkpoint and term: the largest weighted norm of that part.
  private let largestByPart: [[Double]]

  /// How far rounding may carry a computed score beyond the bound, relative to it.
  private static var slack: Double { 1e-3 }

  init(_ engine: ScoreEngine<Scalar>) throws {
    let items = engine.problem.items.count
    let terms = engine.itemPlan.terms.count
    let checkpoints = engine.problem.checkpoints
    let squares = try engine.squareNorms()
    let parts = checkpoints.count * terms
    // The weighted norm of a part of an item's gradient, from the square that is kept.
    func norm(_ number: Int, _ term: Int, _ item: Int) -> Double {
      var weight = 1.0
      if case .perItem(let weights) = checkpoints[number].weight { weight = abs(weights[item]) }
      return weight * squares.base[(number * items + item) * terms + term].squareRoot()
    }
    var totals = [Double](repeating: 0, count: items)
    for number in checkpoints.indices {
      for term in 0..<terms {
        for item in 0..<items {
          let own = norm(number, term, item)
          totals[item] += own * own
        }
      }
    }
    for item in 0..<items { totals[item] = totals[item].squareRoot() }
    let order = (0..<items).sorted {
      totals[$0] == totals[$1] ? $0 < $1 : totals[$0] > totals[$1]
    }
    self.order = order
    let rounds = Blocks(items, size: engine.blockSize * 8)
    largest = (0..<rounds.number).map { totals[order[rounds[$0].lowerBound]] }
    var byPart = [[Double]](
      repeating: [Double](repeating: 0, count: parts), count: rounds.number)
    for number in checkpoints.indices {
      for term in 0..<terms {
        var running = 0.0
        for round in (0..<rounds.number).reversed() {
          for position in rounds[round] {
            running = max(running, norm(number, term, order[position]))
          }
          byPart[round][number * terms + term] = running
        }
      }
    }
    largestByPart = byPart
  }

  /// What no score of the query with an item from this round on can exceed.
  func largestScore(
    from round: Int, query: Int, of queries: Int, weights squares: AlignedBuffer<Double>,
    _ engine: ScoreEngine<Scalar>
  ) -> Double {
    let terms = engine.itemPlan.terms.count
    var (square, sum) = (0.0, 0.0)
    for (number, checkpoint) in engine.problem.checkpoints.enumerated() {
      var weight = 1.0
      if case .uniform(let uniform) = checkpoint.weight { weight = abs(uniform) }
      for term in 0..<terms {
        let own = squares.base[(number * queries + query) * terms + term]
        square += weight * weight * own
        sum += weight * own.squareRoot() * largestByPart[round][number * terms + term]
      }
    }
    return min(square.squareRoot() * largest[round], sum) * (1 + Self.slack)
  }
}
