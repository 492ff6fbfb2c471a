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

extension QueryTerm {
  /// The first of some rows that is NaN or infinite, as a gradient beyond the precision becomes.
  func firstNonFinite(_ rows: Range<Int>, _ term: FactorTerm) -> Int? {
    func isFinite(_ memory: AlignedBuffer<Scalar>?, _ range: Range<Int>, _ width: Int) -> Bool {
      guard let memory else { return true }
      return Scalar.allFinite(
        UnsafeBufferPointer(
          start: memory.base + range.lowerBound * width, count: range.count * width))
    }
    func areFinite(_ range: Range<Int>) -> Bool {
      isFinite(cotangent, range, term.rankOne?.outputs ?? 0)
        && isFinite(gradient, range, term.gradientCount)
        && isFinite(activation, range, term.rankOne?.inputs ?? 0)
    }
    return areFinite(rows) ? nil : rows.first { !areFinite($0..<$0 + 1) }
  }
}

/// The queries' gradients at every checkpoint, as the paths want them.
struct QuerySide<Scalar: TensorScalar> {
  /// The number of queries.
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

  /// The same for some of the queries.
  func gathering(_ chosen: [Int], _ plan: FactorPlan<Scalar>) -> QuerySide {
    func rows(_ memory: AlignedBuffer<Scalar>?, _ width: Int) -> AlignedBuffer<Scalar>? {
      guard let memory else { return nil }
      let gathered = AlignedBuffer<Scalar>(chosen.count * width, filledWith: 0)
      for (row, query) in chosen.enumerated() {
        (gathered.base + row * width).update(from: memory.base + query * width, count: width)
      }
      return gathered
    }
    let gathered = terms.map { terms in
      zip(terms, plan.terms).map { kept, term in
        QueryTerm(
          activation: rows(kept.activation, term.rankOne?.inputs ?? 0),
          cotangent: rows(kept.cotangent, term.rankOne?.outputs ?? 0),
          gradient: rows(kept.gradient, term.gradientCount))
      }
    }
    return QuerySide(
      count: chosen.count, inputs: rows(inputs, plan.inputCount) ?? inputs,
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
  func rowCount(_ term: FactorTerm, _ path: ProductPath) -> Int {
    guard !path.keepsQueryGradients, let rows = term.rankOne else { return term.gradientCount }
    return rows.outputs + (isInput(rows.activation) ? 0 : rows.inputs)
  }

  /// Runs the queries in batches and keeps what the paths need.
  ///
  /// - Throws: ``ScoreError/notFinite(what:item:place:)`` with the query's number.
  func querySide(
    _ queries: ItemPointers<Scalar>, _ range: Range<Int>,
    checkpoints: [CheckpointPointers<Scalar>], paths: [ProductPath],
    isCosine: Bool, transposesInputs: Bool, pool: WorkerPool
  ) throws(ScoreError) -> QuerySide<Scalar> {
    let count = range.count
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
        if !path.keepsQueryGradients, let own = term.rankOne {
          kept.cotangent = AlignedBuffer(count * own.outputs, filledWith: 0)
          if own.activation != nil, !isInput(own.activation) {
            kept.activation = AlignedBuffer(count * own.inputs, filledWith: 0)
          }
        } else {
          kept.gradient = AlignedBuffer(count * term.gradientCount, filledWith: 0)
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
        if isCosine { worker.balanceCotangents(part.count) }
        let normBase = norms.base + (number * count + part.lowerBound) * terms.count
        worker.termNorms(part.count, into: normBase)
        for row in 0..<part.count {
          let own = (0..<terms.count).reduce(0.0) { $0 + normBase[row * terms.count + $1] }
          if !own.isFinite || !worker.values[row].isFinite, failures.base[block] < 0 {
            failures.base[block] = range.lowerBound + part.lowerBound + row
          }
        }
        worker.keep(part, kept, isCosine: isCosine, weight: checkpoint.queryWeight, norms: normBase)
        for (term, kept) in zip(terms, kept) where failures.base[block] < 0 {
          if let row = kept.firstNonFinite(part, term) {
            failures.base[block] = range.lowerBound + row
          }
        }
      }
      if let failure = failures.elements.first(where: { $0 >= 0 }) {
        throw .notFinite(what: "query", item: failure)
      }
      all.append(kept)
    }
    let inputs = AlignedBuffer<Scalar>(count * inputCount, filledWith: 0)
    inputs.base.update(
      from: queries.inputs + range.lowerBound * inputCount, count: count * inputCount)
    return QuerySide(
      count: count, inputs: inputs, terms: all, transposedInputs: nil,
      values: Array(values.elements), squareNorms: norms
    ).transposing(transposesInputs, self)
  }
}

extension FactorPlan {
  /// The sum of all queries' gradients as one row, for the contraction path.
  ///
  /// - Throws: ``ScoreError/notFinite(what:item:place:)`` with the number of the first query of a batch.
  func aggregateSide(
    _ queries: ItemPointers<Scalar>,
    checkpoints: [CheckpointPointers<Scalar>], isCosine: Bool
  ) throws(ScoreError) -> QuerySide<Scalar> {
    let worker = makeWorker()
    let blocks = Blocks(queries.count, size: batch)
    let norms = AlignedBuffer<Double>(batch * terms.count, filledWith: 0)
    let squares = AlignedBuffer<Double>(checkpoints.count * terms.count, filledWith: 0)
    let weights = AlignedBuffer<Scalar>(batch, filledWith: 0)
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
        if isCosine {
          worker.balanceCotangents(part.count)
          worker.termNorms(part.count, into: norms.base)
          worker.cosineWeights(part.count, norms.base, into: weights.base)
        } else {
          weights.base.update(repeating: Scalar(weight), count: part.count)
        }
        worker.scaleCotangents(by: weights.base)
        for (term, sum) in zip(terms, sums) {
          let rows = worker.rows
          for row in 0..<part.count {
            worker.addGradient(term, row: row, of: rows, beta: 1, to: sum.base)
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
    let sources = rows
    let activations = AlignedBuffer<Double>(count, filledWith: 0)
    let cotangents = AlignedBuffer<Double>(count, filledWith: 0)
    for (number, term) in terms.enumerated() {
      if let own = term.rankOne {
        activations.base.update(
          repeating: own.hasBias || own.activation == nil ? 1 : 0, count: count)
        cotangents.base.update(repeating: 0, count: count)
        if let activation = own.activation {
          Scalar.addSquareNorms(count, own.inputs, rows(activation), activations.base)
        }
        Scalar.addSquareNorms(count, own.outputs, rows(own.cotangent), cotangents.base)
        for row in 0..<count {
          norms[row * terms.count + number] = activations.base[row] * cotangents.base[row]
        }
      } else {
        for row in 0..<count {
          addGradient(term, row: row, of: sources, beta: 0, to: gradient.base)
          var square = 0.0
          Scalar.addSquareNorms(1, term.gradientCount, gradient.base, &square)
          norms[row * terms.count + number] = square
        }
      }
    }
  }

  /// Adds the gradient of one item in one term to beta times what is there, the parameter's elements
  /// and then the bias's; with beta 0 that is not read.
  func addGradient(
    _ term: FactorTerm, row: Int, of rows: FactorRows<Scalar>, beta: Scalar,
    to gradient: UnsafeMutablePointer<Scalar>
  ) {
    for (number, use) in term.uses.enumerated() {
      use.addGradient(
        rows, plan.factors.sources, row, weight: 1, beta: number == 0 ? beta : 1, to: gradient)
    }
    term.bias?.addGradient(
      rows, plan.factors.sources, row, weight: 1, beta: beta, to: gradient + term.parameterCount)
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
      if let memory = kept.activation, let own = term.rankOne, let activation = own.activation {
        (memory.base + start * own.inputs).update(
          from: rows(activation), count: part.count * own.inputs)
      }
      if let memory = kept.cotangent, let rank = term.rankOne {
        let own = memory.base + start * rank.outputs
        own.update(from: rows(rank.cotangent), count: part.count * rank.outputs)
        Scalar.scaleRows(part.count, rank.outputs, weights.base, own)
      }
      if let memory = kept.gradient {
        let own = memory.base + start * term.gradientCount
        let sources = rows
        for row in 0..<part.count {
          addGradient(
            term, row: row, of: sources, beta: 0, to: own + row * term.gradientCount)
        }
        Scalar.scaleRows(part.count, term.gradientCount, weights.base, own)
      }
    }
  }

  /// 1 / |gradient| of each row from its norms by term.
  ///
  /// 0 for a gradient of zero, or so small that its reciprocal overflows: the few digits that are
  /// left of such a gradient name no direction.
  func cosineWeights(
    _ count: Int, _ norms: UnsafePointer<Double>, into weights: UnsafeMutablePointer<Scalar>
  ) {
    let terms = plan.terms.count
    for row in 0..<count {
      let square = (0..<terms).reduce(0.0) { $0 + norms[row * terms + $1] }
      let weight = Scalar(1 / square.squareRoot())
      weights[row] = weight.isFinite ? weight : 0
    }
  }
}
