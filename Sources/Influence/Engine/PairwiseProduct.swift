import Autodiff
import TensorCore
import Training

/// One thread's memory for inner products of a block of items with all queries.
final class PairwiseWorker<Scalar: TensorScalar> {
  /// Queries of one tile: with 256 items it keeps both products in the second-level cache.
  static var tile: Int { 512 }

  let factors: FactorWorker<Scalar>
  let paths: [ProductPath]
  /// The items scored together: batches of the plan, one after the other.
  let block: Int
  /// The scores of the block, `[Q, block]`.
  let scores: AlignedBuffer<Scalar>
  /// What one batch adds to them without gradients, `[Q, B]`; the scores themselves where a block is
  /// one batch.
  private let partial: AlignedBuffer<Scalar>
  private let first: AlignedBuffer<Scalar>
  private let second: AlignedBuffer<Scalar>
  /// A · Aqᵀ of the inputs, `[Q, B]` for each batch of the block, shared by all checkpoints.
  private let inputGram: AlignedBuffer<Scalar>?
  /// The gradients of the block, `[block, gradient]` for each term that forms them.
  private let gradients: AlignedBuffer<Scalar>
  /// What is pushed through a batch's activations.
  private let pushed: AlignedBuffer<Scalar>
  private let norms: AlignedBuffer<Double>
  private let itemWeights: AlignedBuffer<Scalar>

  init(
    _ plan: FactorPlan<Scalar>, paths: [ProductPath], block: Int, queries: Int, checkpoints: Int
  ) {
    factors = plan.makeWorker()
    self.paths = paths
    self.block = block
    let batch = plan.batch
    scores = AlignedBuffer(queries * block, filledWith: 0)
    partial = block == batch ? scores : AlignedBuffer(queries * batch, filledWith: 0)
    let tile = min(Self.tile, max(queries, 1))
    first = AlignedBuffer(tile * batch, filledWith: 0)
    second = AlignedBuffer(tile * batch, filledWith: 0)
    inputGram = checkpoints > 1 ? AlignedBuffer(queries * block, filledWith: 0) : nil
    gradients = AlignedBuffer(block * Self.formedCount(plan, paths), filledWith: 0)
    pushed = AlignedBuffer(Self.pushedCount(plan, paths), filledWith: 0)
    norms = AlignedBuffer(batch * plan.terms.count, filledWith: 0)
    itemWeights = AlignedBuffer(batch, filledWith: 1)
  }

  /// Items of a block: the gradients of all queries are read once for each, and products with many
  /// columns are the faster ones; it depends on the problem alone.
  static func block(_ plan: FactorPlan<Scalar>, _ paths: [ProductPath], items: Int) -> Int {
    let formed = formedCount(plan, paths)
    var block = plan.batch
    // Some sixteen blocks at least are there for the threads to share.
    while formed > 0, block < 64, 2 * block * formed <= 1 << 25, 32 * block <= items { block *= 2 }
    return block
  }

  /// Elements of an item's gradient that are formed.
  private static func formedCount(_ plan: FactorPlan<Scalar>, _ paths: [ProductPath]) -> Int {
    zip(plan.terms, paths).reduce(0) { $0 + ($1.1 == .materialized ? $1.0.gradientCount : 0) }
  }

  private static func pushedCount(_ plan: FactorPlan<Scalar>, _ paths: [ProductPath]) -> Int {
    let widest = zip(plan.terms, paths).map { term, path in
      path == .contraction ? contractionCount(term, plan.batch) : 0
    }
    return widest.max() ?? 0
  }

  /// Elements of memory that a worker takes, the plan's workspace included.
  static func memoryCount(
    _ plan: FactorPlan<Scalar>, paths: [ProductPath], block: Int, queries: Int, checkpoints: Int
  ) -> Int {
    queries * (block * (checkpoints > 1 ? 2 : 1) + (block > plan.batch ? plan.batch : 0))
      + 2 * tile * plan.batch + block * formedCount(plan, paths) + pushedCount(plan, paths)
      + FactorWorker.memoryCount(plan)
  }

  private static func contractionCount(_ term: FactorTerm, _ batch: Int) -> Int {
    let widest = term.uses.map { use in
      if case .product(_, let product) = use.form { use.positions * product.outputs } else { 0 }
    }
    return batch * (widest.max() ?? 0)
  }

  /// Scores a block of items against every query into ``scores``.
  ///
  /// - Returns: Whether all scores are finite.
  func run(
    _ items: ItemPointers<Scalar>, _ range: Range<Int>, _ queries: QuerySide<Scalar>,
    checkpoints: [CheckpointPointers<Scalar>], isCosine: Bool
  ) -> Bool {
    let plan = factors.plan
    if queries.count == 0 { return true }
    let batches = Blocks(range.count, size: plan.batch)
    let formsAll = paths.allSatisfy { $0 == .materialized }
    var hasScores = false
    for (number, checkpoint) in checkpoints.enumerated() {
      if !isCosine, checkpoint.isIdle { continue }
      for batch in 0..<batches.number {
        let start = batches[batch].lowerBound
        let own = range.lowerBound + start..<range.lowerBound + batches[batch].upperBound
        if batches.number > 1 || !hasScores { factors.load(items, own) }
        factors.run(at: checkpoint)
        weigh(own, checkpoint.weight, isCosine: isCosine)
        formGradients(start)
        if formsAll { continue }
        addFactored(
          queries.terms[number], queries, start, needsInputGram: !hasScores, isFirst: !hasScores)
      }
      multiplyGradients(queries.terms[number], queries.count, isFirst: !hasScores && formsAll)
      hasScores = true
    }
    if !hasScores { scores.base.update(repeating: 0, count: queries.count * block) }
    return (0..<queries.count).allSatisfy { query in
      Scalar.allFinite(
        UnsafeBufferPointer(start: scores.base + query * block, count: range.count))
    }
  }

  /// Keeps the gradients of a batch, whose items stand from `start` on in the block.
  private func formGradients(_ start: Int) {
    let plan = factors.plan
    let sources = factors.rows
    var memory = gradients.base
    for (term, path) in zip(plan.terms, paths) where path == .materialized {
      for row in 0..<plan.batch {
        factors.addGradient(
          term, row: row, of: sources, beta: 0, to: memory + (start + row) * term.gradientCount)
      }
      memory += block * term.gradientCount
    }
  }

  /// scores += Gq Gᵀ of every term whose gradients are kept.
  private func multiplyGradients(_ kept: [QueryTerm<Scalar>], _ queries: Int, isFirst: Bool) {
    let tiles = Blocks(queries, size: Self.tile)
    for tile in 0..<tiles.number {
      var memory = gradients.base
      var isFirst = isFirst
      for (index, term) in factors.plan.terms.enumerated() where paths[index] == .materialized {
        if let own = kept[index].gradient {
          multiply(
            own.base + tiles[tile].lowerBound * term.gradientCount, memory,
            queries: tiles[tile].count, items: block, inner: term.gradientCount,
            beta: isFirst ? 0 : 1, into: scores.base + tiles[tile].lowerBound * block)
          isFirst = false
        }
        memory += block * term.gradientCount
      }
    }
  }

  /// scores += what a batch gives without forming gradients.
  private func addFactored(
    _ kept: [QueryTerm<Scalar>], _ queries: QuerySide<Scalar>, _ start: Int, needsInputGram: Bool,
    isFirst: Bool
  ) {
    let plan = factors.plan
    let isWhole = block == plan.batch
    let tiles = Blocks(queries.count, size: Self.tile)
    for tile in 0..<tiles.number {
      var overwrites = isFirst || !isWhole
      for (index, term) in plan.terms.enumerated() where paths[index] != .materialized {
        if paths[index] == .ghost {
          ghost(
            term, kept[index], queries, tiles[tile], start, needsInputGram: needsInputGram,
            isFirst: overwrites)
        } else {
          contraction(term, kept[index], tiles[tile], isFirst: overwrites)
        }
        overwrites = false
      }
    }
    if isWhole { return }
    for query in 0..<queries.count {
      let (own, target) = (partial.base + query * plan.batch, scores.base + query * block + start)
      if isFirst {
        target.update(from: own, count: plan.batch)
      } else {
        Scalar.axpy(plan.batch, 1, own, target)
      }
    }
  }

  /// Scales the cotangents of the batch by the items' weights.
  private func weigh(
    _ range: Range<Int>, _ weight: WeightedCheckpoint<Scalar>.Weight, isCosine: Bool
  ) {
    let plan = factors.plan
    if isCosine {
      factors.balanceCotangents(range.count)
      factors.termNorms(range.count, into: norms.base)
      factors.cosineWeights(range.count, norms.base, into: itemWeights.base)
    } else if case .perItem(let weights) = weight {
      for row in 0..<range.count {
        itemWeights.base[row] = Scalar(weights[range.lowerBound + row])
      }
    } else {
      return
    }
    (itemWeights.base + range.count).update(repeating: 0, count: plan.batch - range.count)
    factors.scaleCotangents(by: itemWeights.base)
  }

  private func rows(_ tile: Range<Int>) -> UnsafeMutablePointer<Scalar> {
    partial.base + tile.lowerBound * factors.plan.batch
  }

  /// The batch's scores += (Aq Aᵀ + 1) ⊙ (Dq Dᵀ) for one tile of queries.
  private func ghost(
    _ term: FactorTerm, _ kept: QueryTerm<Scalar>, _ queries: QuerySide<Scalar>,
    _ tile: Range<Int>, _ start: Int, needsInputGram: Bool, isFirst: Bool
  ) {
    guard let cotangents = kept.cotangent, let own = term.rankOne else { return }
    let batch = factors.plan.batch
    let count = tile.count * batch
    let target = rows(tile)
    let products = isFirst ? target : second.base
    multiply(
      cotangents.base + tile.lowerBound * own.outputs, factors.rows(own.cotangent),
      queries: tile.count, items: batch, inner: own.outputs, into: products)
    guard let activation = own.activation else {
      if !isFirst { Scalar.axpy(count, 1, products, target) }
      return
    }
    let isInput = factors.plan.isInput(activation)
    var gram = first.base
    if isInput, let inputGram {
      gram = inputGram.base + start * queries.count + tile.lowerBound * batch
    }
    if !isInput || inputGram == nil || needsInputGram {
      if isInput, let sparse = factors.sparseInputs, let transposed = queries.transposedInputs {
        sparse.transposedProduct(transposed, tile, into: gram)
      } else {
        let other = kept.activation ?? queries.inputs
        multiply(
          other.base + tile.lowerBound * own.inputs, factors.rows(activation),
          queries: tile.count, items: batch, inner: own.inputs, into: gram)
      }
    }
    let one: Scalar = own.hasBias ? 1 : 0
    if isFirst {
      Scalar.multiplyBySum(count, gram, one, target)
    } else {
      Scalar.multiplyAdd(count, gram, one, products, target)
    }
  }

  /// The batch's scores[q, i] += Σ_t δ_t · (G_q a_t + b_q), one query at a time.
  private func contraction(
    _ term: FactorTerm, _ kept: QueryTerm<Scalar>, _ tile: Range<Int>, isFirst: Bool
  ) {
    guard let own = kept.gradient else { return }
    let batch = factors.plan.batch
    if isFirst { rows(tile).update(repeating: 0, count: tile.count * batch) }
    for query in tile {
      let gradient = own.base + query * term.gradientCount
      let target = partial.base + query * batch
      for use in term.uses { contract(use, with: gradient, into: target) }
      if let bias = term.bias { contract(bias, with: gradient + term.parameterCount, into: target) }
    }
  }

  /// Adds the inner products of a query's gradient with one part of each item's to `[B]` scores.
  private func contract(
    _ use: FactorUse, with gradient: UnsafePointer<Scalar>,
    into target: UnsafeMutablePointer<Scalar>
  ) {
    let batch = factors.plan.batch
    let cotangents = factors.rows(use.cotangent)
    let width = factors.plan.factors.sources[use.cotangent].count
    switch use.form {
    case .whole:
      for item in 0..<batch {
        target[item] += Scalar.dot(width, gradient, cotangents + item * width)
      }
    case .rows(let indices, let positions, let columns):
      let bound = Scalar(use.entry.shape.count / max(columns, 1))
      for item in 0..<batch {
        let chosen = factors.rows(indices) + item * positions
        for position in 0..<positions where chosen[position] >= 0 && chosen[position] < bound {
          target[item] += Scalar.dot(
            columns, gradient + Int(chosen[position]) * columns,
            cotangents + item * width + position * columns)
        }
      }
    case .product(let activation, let product):
      let (inputs, outputs) = (product.inputs, product.outputs)
      let pushed = pushed.base
      MatrixProduct.gemm(
        UnsafeBufferPointer(
          start: factors.rows(activation), count: batch * product.positions * inputs),
        UnsafeBufferPointer(start: gradient, count: outputs * inputs),
        transposeB: product.isOutputsFirst, m: batch * product.positions, n: outputs, k: inputs,
        into: UnsafeMutableBufferPointer(start: pushed, count: batch * width))
      for item in 0..<batch {
        target[item] += Scalar.dot(width, pushed + item * width, cotangents + item * width)
      }
    }
  }

  /// C `[queries, items]` = X `[queries, inner]` · Yᵀ + beta · C for Y `[items, inner]`.
  private func multiply(
    _ x: UnsafePointer<Scalar>, _ y: UnsafePointer<Scalar>, queries: Int, items: Int, inner: Int,
    beta: Scalar = 0, into c: UnsafeMutablePointer<Scalar>
  ) {
    MatrixProduct.gemm(
      UnsafeBufferPointer(start: x, count: queries * inner),
      UnsafeBufferPointer(start: y, count: items * inner), transposeB: true, m: queries, n: items,
      k: inner, beta: beta, into: UnsafeMutableBufferPointer(start: c, count: queries * items))
  }
}
