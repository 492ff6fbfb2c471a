import TensorCore
import Training

/// One term of the queries' gradients at one checkpoint, kept for the whole computation.
struct QueryTerm<Scalar: TensorScalar> {
  /// a `[Q, I]` where the path is ghost and a is not the queries' own input.
  var activation: AlignedBuffer<Scalar>?
  /// δ `[Q, O]`, scaled by the query's weight, where the path is ghost.
  var cotangent: AlignedBuffer<Scalar>?
  /// `[Q, O·I + O]`: weights, then biases; on the other paths.
  var gradient: AlignedBuffer<Scalar>?
}

/// The queries' gradients at every checkpoint, as the paths want them.
struct QuerySide<Scalar: TensorScalar> {
  /// The number of rows, filled up with zeros to eights.
  let count: Int
  /// The queries' inputs `[Q, I]`.
  let inputs: AlignedBuffer<Scalar>
  /// By checkpoint, then by term.
  let terms: [[QueryTerm<Scalar>]]
  /// The queries' inputs for products with sparse ones of the items.
  let transposedInputs: TransposedPanels<Scalar>?
  /// The measure of each query at the last checkpoint, `[Q]`.
  let values: [Scalar]
  /// |∇f_q|² by checkpoint, query and term, `[C, Q, terms]`, without weights.
  let squareNorms: AlignedBuffer<Double>

  /// The rows that so many queries take: at least eight, in eights.
  ///
  /// BLAS sums products of a few rows in another order. Rows of zeros fill up, so that a query has
  /// the same bits in whatever company it is scored.
  static func rows(for queries: Int) -> Int { (queries + 7) / 8 * 8 }

  /// The same for some of the queries.
  func gathering(_ chosen: [Int], _ plan: FactorPlan<Scalar>) -> QuerySide {
    func rows(_ memory: AlignedBuffer<Scalar>?, _ width: Int) -> AlignedBuffer<Scalar>? {
      guard let memory else { return nil }
      let gathered = AlignedBuffer<Scalar>(Self.rows(for: chosen.count) * width, filledWith: 0)
      for (row, query) in chosen.enumerated() {
        (gathered.base + row * width).update(from: memory.base + query * width, count: width)
      }
      return gathered
    }
    let gathered = terms.map { terms in
      zip(terms, plan.terms).map { kept, term in
        QueryTerm(
          activation: rows(kept.activation, term.inputs),
          cotangent: rows(kept.cotangent, term.outputs),
          gradient: rows(kept.gradient, term.gradientCount))
      }
    }
    return QuerySide(
      count: Self.rows(for: chosen.count), inputs: rows(inputs, plan.inputCount) ?? inputs,
      terms: gathered,
      transposedInputs: nil, values: chosen.map { values[$0] }, squareNorms: squareNorms
    ).transposing(transposedInputs != nil, plan)
  }

  func transposing(_ isWanted: Bool, _ plan: FactorPlan<Scalar>) -> QuerySide {
    guard isWanted else { return self }
    return QuerySide(
      count: count, inputs: inputs, terms: terms,
      transposedInputs: TransposedPanels(inputs.base, rows: count, columns: plan.inputCount),
      values: values, squareNorms: squareNorms)
  }
}

extension FactorPlan {
  /// Elements of a query's row in the given term.
  static func rowCount(_ term: FactorTerm, _ path: ProductPath) -> Int {
    path.keepsQueryGradients
      ? term.gradientCount
      : term.outputs + (term.uses[0].activation == .inputs ? 0 : term.inputs)
  }

  /// Runs the queries in batches and keeps what the paths need.
  ///
  /// - Throws: ``ScoreError/notFinite(what:item:)`` with the query's number.
  func querySide(
    _ queries: ItemPointers<Scalar>, _ range: Range<Int>,
    checkpoints: [CheckpointPointers<Scalar>], paths: [ProductPath],
    isCosine: Bool, transposesInputs: Bool, pool: WorkerPool
  ) throws(ScoreError) -> QuerySide<Scalar> {
    let count = range.count
    let rows = QuerySide<Scalar>.rows(for: count)
    let workers = (0..<pool.threads).map { _ in makeWorker() }
    let blocks = Blocks(count, size: batch)
    let values = AlignedBuffer<Scalar>(count, filledWith: 0)
    let norms = AlignedBuffer<Double>(
      checkpoints.count * count * terms.count, filledWith: 0)
    let failures = AlignedBuffer<Int>(max(blocks.number, 1), filledWith: -1)
    var all: [[QueryTerm<Scalar>]] = []
    for (number, checkpoint) in checkpoints.enumerated() {
      let kept = zip(terms, paths).map { term, path in
        var kept = QueryTerm<Scalar>()
        if path.keepsQueryGradients {
          kept.gradient = AlignedBuffer(rows * term.gradientCount, filledWith: 0)
        } else {
          kept.cotangent = AlignedBuffer(rows * term.outputs, filledWith: 0)
          if let activation = term.uses[0].activation, activation != .inputs {
            kept.activation = AlignedBuffer(rows * term.inputs, filledWith: 0)
          }
        }
        return kept
      }
      pool.run(blocks.number) { block, thread in
        let worker = workers[thread]
        let part = blocks[block]
        worker.load(
          queries, range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
        worker.run(at: checkpoint)
        (values.base + part.lowerBound).update(from: worker.values, count: part.count)
        let normBase = norms.base + (number * count + part.lowerBound) * terms.count
        worker.termNorms(part.count, into: normBase)
        for row in 0..<part.count {
          let own = (0..<terms.count).reduce(0.0) { $0 + normBase[row * terms.count + $1] }
          if !own.isFinite || !worker.values[row].isFinite, failures.base[block] < 0 {
            failures.base[block] = range.lowerBound + part.lowerBound + row
          }
        }
        worker.keep(part, kept, isCosine: isCosine, weight: checkpoint.queryWeight, norms: normBase)
      }
      if let failure = failures.elements.first(where: { $0 >= 0 }) {
        throw .notFinite(what: "query", item: failure)
      }
      all.append(kept)
    }
    let inputs = AlignedBuffer<Scalar>(rows * inputCount, filledWith: 0)
    inputs.base.update(
      from: queries.inputs + range.lowerBound * inputCount, count: count * inputCount)
    return QuerySide(
      count: rows, inputs: inputs, terms: all, transposedInputs: nil,
      values: Array(values.elements), squareNorms: norms
    ).transposing(transposesInputs, self)
  }
}

extension FactorPlan {
  /// The sum of all queries' gradients as one row, for the contraction path.
  ///
  /// - Throws: ``ScoreError/notFinite(what:item:)`` with the number of the first query of a batch.
  func aggregateSide(
    _ queries: ItemPointers<Scalar>,
    checkpoints: [CheckpointPointers<Scalar>], isCosine: Bool
  ) throws(ScoreError) -> QuerySide<Scalar> {
    let worker = makeWorker()
    let blocks = Blocks(queries.count, size: batch)
    let norms = AlignedBuffer<Double>(batch * terms.count, filledWith: 0)
    let squares = AlignedBuffer<Double>(checkpoints.count * terms.count, filledWith: 0)
    var measured = 0.0
    var all: [[QueryTerm<Scalar>]] = []
    for (number, checkpoint) in checkpoints.enumerated() {
      let weight = checkpoint.queryWeight
      let sums = terms.map { AlignedBuffer<Scalar>($0.gradientCount, filledWith: 0) }
      measured = 0
      for block in 0..<blocks.number {
        let part = blocks[block]
        worker.load(queries, part)
        worker.run(at: checkpoint)
        for row in 0..<part.count { measured += Double(worker.values[row]) }
        if isCosine { worker.termNorms(part.count, into: norms.base) }
        for row in 0..<part.count {
          let scale = isCosine ? worker.cosineWeight(row, norms.base) : Scalar(weight)
          for (term, sum) in zip(terms, sums) {
            let gradient = AlignedBuffer<Scalar>(term.gradientCount, filledWith: 0)
            worker.materialize(term, row: row, into: gradient.base)
            Scalar.axpy(term.gradientCount, scale, gradient.base, sum.base)
          }
        }
        guard sums.allSatisfy({ Scalar.allFinite(UnsafeBufferPointer($0.elements)) }) else {
          throw .notFinite(what: "query", item: part.lowerBound)
        }
      }
      for (term, sum) in sums.enumerated() {
        Scalar.addSquareNorms(
          1, sum.count, sum.base, squares.base + number * terms.count + term)
        // Weights are in the sums already; bounds multiply by them once more.
        squares.base[number * terms.count + term] /= isCosine ? 1 : max(weight * weight, 1e-300)
      }
      all.append(sums.map { QueryTerm(gradient: $0) })
    }
    return QuerySide(
      count: 1, inputs: AlignedBuffer(inputCount, filledWith: 0), terms: all,
      transposedInputs: nil, values: [Scalar(measured)], squareNorms: squares)
  }
}

extension FactorWorker {
  /// |gradient|² by term of the first `count` rows, `[count, terms]`.
  ///
  /// In double precision: the cotangent of a well-fitted item squared underflows in single.
  func termNorms(_ count: Int, into norms: UnsafeMutablePointer<Double>) {
    let terms = plan.terms
    let activations = AlignedBuffer<Double>(count, filledWith: 0)
    let cotangents = AlignedBuffer<Double>(count, filledWith: 0)
    for (number, term) in terms.enumerated() {
      activations.base.update(repeating: term.hasBias || term.inputs == 0 ? 1 : 0, count: count)
      cotangents.base.update(repeating: 0, count: count)
      if term.isRankOne {
        if let activation = term.uses[0].activation {
          Scalar.addSquareNorms(count, term.inputs, rows(activation), activations.base)
        }
        Scalar.addSquareNorms(count, term.outputs, rows(term.uses[0].cotangent), cotangents.base)
        for row in 0..<count {
          norms[row * terms.count + number] = activations.base[row] * cotangents.base[row]
        }
      } else {
        let gradient = AlignedBuffer<Scalar>(term.gradientCount, filledWith: 0)
        for row in 0..<count {
          materialize(term, row: row, into: gradient.base)
          var square = 0.0
          Scalar.addSquareNorms(1, term.gradientCount, gradient.base, &square)
          norms[row * terms.count + number] = square
        }
      }
    }
  }

  /// The gradient of one item in one term: weights `[O, I]`, then biases `[O]`.
  func materialize(_ term: FactorTerm, row: Int, into gradient: UnsafeMutablePointer<Scalar>) {
    let (inputs, outputs) = (term.inputs, term.outputs)
    for (number, use) in term.uses.enumerated() {
      let positions = use.positions
      let cotangent = rows(use.cotangent) + row * positions * outputs
      let beta: Scalar = number == 0 ? 0 : 1
      if let activation = use.activation {
        MatrixProduct.gemm(
          UnsafeBufferPointer(start: cotangent, count: positions * outputs), transposeA: true,
          UnsafeBufferPointer(
            start: rows(activation) + row * positions * inputs, count: positions * inputs),
          m: outputs, n: inputs, k: positions, beta: beta,
          into: UnsafeMutableBufferPointer(start: gradient, count: outputs * inputs))
      }
      guard term.hasBias || use.activation == nil else { continue }
      let bias = gradient + outputs * inputs
      if number == 0 { bias.update(repeating: 0, count: outputs) }
      for position in 0..<positions {
        Scalar.axpy(outputs, 1, cotangent + position * outputs, bias)
      }
    }
  }

  /// Copies the rows of a batch of queries to where they are kept, scaled by their weights.
  func keep(
    _ part: Range<Int>, _ kept: [QueryTerm<Scalar>], isCosine: Bool, weight: Double,
    norms: UnsafePointer<Double>
  ) {
    let terms = plan.terms
    let weights = AlignedBuffer<Scalar>(part.count, filledWith: Scalar(weight))
    if isCosine { cosineWeights(part.count, norms, into: weights.base) }
    for (term, kept) in zip(terms, kept) {
      let start = part.lowerBound
      if let memory = kept.activation, let activation = term.uses[0].activation {
        (memory.base + start * term.inputs).update(
          from: rows(activation), count: part.count * term.inputs)
      }
      if let memory = kept.cotangent {
        let own = memory.base + start * term.outputs
        own.update(from: rows(term.uses[0].cotangent), count: part.count * term.outputs)
        Scalar.scaleRows(part.count, term.outputs, weights.base, own)
      }
      if let memory = kept.gradient {
        let own = memory.base + start * term.gradientCount
        for row in 0..<part.count {
          materialize(term, row: row, into: own + row * term.gradientCount)
        }
        Scalar.scaleRows(part.count, term.gradientCount, weights.base, own)
      }
    }
  }

  /// 1 / |gradient| of each row from its norms by term; 0 for a gradient of zero.
  func cosineWeights(
    _ count: Int, _ norms: UnsafePointer<Double>, into weights: UnsafeMutablePointer<Scalar>
  ) {
    for row in 0..<count { weights[row] = cosineWeight(row, norms) }
  }

  /// 1 / |gradient| of one row.
  func cosineWeight(_ row: Int, _ norms: UnsafePointer<Double>) -> Scalar {
    let terms = plan.terms.count
    let square = (0..<terms).reduce(0.0) { $0 + norms[row * terms + $1] }
    return square > 0 ? Scalar(1 / square.squareRoot()) : 0
  }
}
