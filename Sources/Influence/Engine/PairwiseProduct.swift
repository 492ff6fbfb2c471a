import Autodiff
import TensorCore
import Training

/// One thread's memory for inner products of a block of items with all queries.
final class PairwiseWorker<Scalar: TensorScalar> {
  /// Queries of one tile: with 256 items it keeps both products in the second-level cache.
  static var tile: Int { 512 }

  let factors: FactorWorker<Scalar>
  let paths: [ProductPath]
  /// The scores of the block, `[Q, B]`.
  let scores: AlignedBuffer<Scalar>
  private let first: AlignedBuffer<Scalar>
  private let second: AlignedBuffer<Scalar>
  /// A · Aqᵀ of the inputs `[Q, B]`, shared by all checkpoints.
  private let inputGram: AlignedBuffer<Scalar>?
  private let gradients: AlignedBuffer<Scalar>
  private let norms: AlignedBuffer<Double>
  private let itemWeights: AlignedBuffer<Scalar>

  init(_ plan: FactorPlan<Scalar>, paths: [ProductPath], queries: Int, checkpoints: Int) {
    factors = plan.makeWorker()
    self.paths = paths
    let batch = plan.batch
    scores = AlignedBuffer(queries * batch, filledWith: 0)
    let tile = min(Self.tile, max(queries, 1))
    first = AlignedBuffer(tile * batch, filledWith: 0)
    second = AlignedBuffer(tile * batch, filledWith: 0)
    inputGram = checkpoints > 1 ? AlignedBuffer(queries * batch, filledWith: 0) : nil
    gradients = AlignedBuffer(Self.gradientsCount(plan, paths), filledWith: 0)
    norms = AlignedBuffer(batch * plan.terms.count, filledWith: 0)
    itemWeights = AlignedBuffer(batch, filledWith: 1)
  }

  /// Elements for the gradients of a block, or for what is pushed through its activations.
  private static func gradientsCount(_ plan: FactorPlan<Scalar>, _ paths: [ProductPath]) -> Int {
    zip(plan.terms, paths).map { term, path in
      switch path {
      case .ghost: 0
      case .materialized: plan.batch * term.gradientCount
      case .contraction: contractionCount(term, plan.batch)
      }
    }.max() ?? 0
  }

  /// Elements of memory that a worker takes, the plan's workspace included.
  static func memoryCount(
    _ plan: FactorPlan<Scalar>, paths: [ProductPath], queries: Int, checkpoints: Int
  ) -> Int {
    queries * plan.batch * (checkpoints > 1 ? 2 : 1) + 2 * tile * plan.batch
      + gradientsCount(plan, paths) + FactorWorker.memoryCount(plan)
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
    factors.load(items, range)
    let tiles = Blocks(queries.count, size: Self.tile)
    var hasScores = false
    for (number, checkpoint) in checkpoints.enumerated() {
      if !isCosine, checkpoint.isIdle { continue }
      factors.run(at: checkpoint)
      weigh(range, checkpoint.weight, isCosine: isCosine)
      // The first product overwrites the scores, the others add to them.
      var isFirst = !hasScores
      for index in plan.terms.indices where paths[index] == .materialized {
        let term = plan.terms[index]
        let sources = factors.rows
        for row in 0..<plan.batch {
          factors.addGradient(
            term, row: row, of: sources, beta: 0, to: gradients.base + row * term.gradientCount)
        }
        for tile in 0..<tiles.number {
          product(term, queries.terms[number][index], tiles[tile], isFirst: isFirst)
        }
        isFirst = false
      }
      for tile in 0..<tiles.number {
        var isFirst = isFirst
        for index in plan.terms.indices where paths[index] != .materialized {
          let (term, kept) = (plan.terms[index], queries.terms[number][index])
          if paths[index] == .ghost {
            ghost(
              term, kept, queries, tiles[tile], needsInputGram: !hasScores, isFirst: isFirst)
          } else {
            contraction(term, kept, tiles[tile], isFirst: isFirst)
          }
          isFirst = false
        }
      }
      hasScores = true
    }
    if !hasScores { scores.base.update(repeating: 0, count: queries.count * plan.batch) }
    return (0..<queries.count).allSatisfy { query in
      Scalar.allFinite(
        UnsafeBufferPointer(start: scores.base + query * plan.batch, count: range.count))
    }
  }

  /// Scales the cotangents of the batch by the items' weights.
  private func weigh(
    _ range: Range<Int>, _ weight: WeightedCheckpoint<Scalar>.Weight, isCosine: Bool
  ) {
    let plan = factors.plan
    if isCosine {
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
    scores.base + tile.lowerBound * factors.plan.batch
  }

  /// scores += (Aq Aᵀ + 1) ⊙ (Dq Dᵀ) for one tile of queries.
  private func ghost(
    _ term: FactorTerm, _ kept: QueryTerm<Scalar>, _ queries: QuerySide<Scalar>,
    _ tile: Range<Int>, needsInputGram: Bool, isFirst: Bool
  ) {
    guard let cotangents = kept.cotangent, let own = term.rankOne else { return }
    let batch = factors.plan.batch
    let count = tile.count * batch
    let target = rows(tile)
    let products = isFirst ? target : second.base
    multiply(
      cotangents.base + tile.lowerBound * own.outputs, factors.rows(own.cotangent),
      queries: tile.count, inner: own.outputs, into: products)
    guard let activation = own.activation else {
      if !isFirst { Scalar.axpy(count, 1, products, target) }
      return
    }
    let isInput = factors.plan.isInput(activation)
    var gram = first.base
    if isInput, let inputGram { gram = inputGram.base + tile.lowerBound * batch }
    if !isInput || inputGram == nil || needsInputGram {
      if isInput, let sparse = factors.sparseInputs, let transposed = queries.transposedInputs {
        sparse.transposedProduct(transposed, tile, into: gram)
      } else {
        let other = kept.activation ?? queries.inputs
        multiply(
          other.base + tile.lowerBound * own.inputs, factors.rows(activation),
          queries: tile.count, inner: own.inputs, into: gram)
      }
    }
    let one: Scalar = own.hasBias ? 1 : 0
    if isFirst {
      Scalar.multiplyBySum(count, gram, one, target)
    } else {
      Scalar.multiplyAdd(count, gram, one, products, target)
    }
  }

  /// scores += Gq Gᵀ for one tile of queries, the items' gradients being in `gradients`.
  private func product(
    _ term: FactorTerm, _ kept: QueryTerm<Scalar>, _ tile: Range<Int>, isFirst: Bool
  ) {
    guard let own = kept.gradient else { return }
    multiply(
      own.base + tile.lowerBound * term.gradientCount, gradients.base, queries: tile.count,
      inner: term.gradientCount, beta: isFirst ? 0 : 1, into: rows(tile))
  }

  /// scores[q, i] += Σ_t δ_t · (G_q a_t + b_q), one query at a time.
  private func contraction(
    _ term: FactorTerm, _ kept: QueryTerm<Scalar>, _ tile: Range<Int>, isFirst: Bool
  ) {
    guard let own = kept.gradient else { return }
    let batch = factors.plan.batch
    if isFirst { rows(tile).update(repeating: 0, count: tile.count * batch) }
    for query in tile {
      let gradient = own.base + query * term.gradientCount
      let target = scores.base + query * batch
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
      let pushed = gradients.base
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

  /// C `[queries, B]` = X `[queries, inner]` · Yᵀ for Y `[B, inner]`.
  private func multiply(
    _ x: UnsafePointer<Scalar>, _ y: UnsafePointer<Scalar>, queries: Int, inner: Int,
    beta: Scalar = 0, into c: UnsafeMutablePointer<Scalar>
  ) {
    let batch = factors.plan.batch
    MatrixProduct.gemm(
      UnsafeBufferPointer(start: x, count: queries * inner),
      UnsafeBufferPointer(start: y, count: batch * inner), transposeB: true, m: queries, n: batch,
      k: inner, beta: beta, into: UnsafeMutableBufferPointer(start: c, count: queries * batch))
  }
}
