import Autodiff
import TensorCore

/// The flat vectors of a ``Trainer``: parameters, gradient, optimizer state, and one batch.
final class TrainerMemory<Scalar: TensorScalar> {
  let parameters: FlatVector<Scalar>
  let gradient: FlatVector<Scalar>
  let states: [FlatVector<Scalar>]
  /// `[N]`, one number for each item.
  let weights: FlatVector<Scalar>
  /// `[B]`, item weight over b.
  private let seed: FlatVector<Scalar>
  private let inputs: FlatVector<Scalar>
  private let labels: FlatVector<Int32>
  private let values: FlatVector<Scalar>
  private let stateTable: FlatVector<UnsafeMutablePointer<Scalar>>
  private let scratch: FlatVector<Scalar>
  /// One for each block.
  private let isFinite: FlatVector<Bool>
  private let squares: FlatVector<Scalar>
  private let blocks: Blocks

  /// Elements of which parameters, gradient, state and scratch fit a first-level cache together.
  private static var blockSize: Int { 2048 }
  /// Parameters below which waking the threads costs more than the update.
  private static var smallestShared: Int { 1 << 16 }

  init(_ program: TrainingProgram<Scalar>, items: Int, threads: Int) {
    let (model, batch) = (program.model, program.batchSize)
    let count = model.layout.count
    blocks = Blocks(count, size: Self.blockSize)
    parameters = FlatVector(repeating: 0, count: count)
    gradient = FlatVector(repeating: 0, count: count)
    states = program.optimizer.rule.stateNames.map { _ in FlatVector(repeating: 0, count: count) }
    stateTable = FlatVector(repeating: parameters.pointer, count: states.count)
    for (index, state) in states.enumerated() { stateTable.pointer[index] = state.pointer }
    scratch = FlatVector(repeating: 0, count: threads * Self.blockSize)
    isFinite = FlatVector(repeating: true, count: blocks.number)
    squares = FlatVector(repeating: 0, count: blocks.number)
    weights = FlatVector(repeating: 1, count: items)
    seed = FlatVector(repeating: 0, count: batch)
    inputs = FlatVector(repeating: 0, count: batch * model.inputShape.count)
    labels = FlatVector(repeating: 0, count: batch)
    values = FlatVector(
      repeating: 0, count: program.loss.takesLabels ? 0 : batch * model.outputShape.count)
  }

  /// Lets a workspace of the program read the batch and write the gradient.
  func bind(_ workspace: Workspace<Scalar>, _ program: TrainingProgram<Scalar>) {
    let (plan, layout) = (program.plan, program.model.layout)
    workspace.bind(layout, of: plan, to: parameters.pointer)
    for (label, vector) in [
      (ItemGraph.inputsLabel, inputs), (TrainingProgram<Scalar>.seedLabel, seed),
      (ItemGraph.targetsLabel, values),
    ] {
      if let slot = plan.input(label) { workspace.bind(slot, to: UnsafePointer(vector.pointer)) }
    }
    if let slot = plan.indexInput(ItemGraph.targetsLabel) {
      workspace.bind(slot, to: UnsafePointer(labels.pointer))
    }
    for (index, entry) in layout.entries.enumerated() {
      workspace.bind(output: index + 1, to: gradient.pointer + entry.offset)
    }
  }

  // MARK: The batch

  /// Copies a batch's items next to each other, zeros where it is short, and their weights over b
  /// into the seed; zeros for a batch without items.
  func gather(_ rows: ArraySlice<Int>, of data: Dataset<Scalar>) {
    precondition(rows.count == seed.count, "\(rows.count) rows for a batch of \(seed.count)")
    var present = 0
    for row in rows where row >= 0 { present += 1 }
    inputs.gather(rows, of: data.inputs.scalars, width: inputs.count / seed.count)
    seed.gather(rows, of: weights)
    var count = Scalar(max(present, 1))
    Scalar.zip(.divide, seed.count, seed.pointer, true, &count, false, seed.pointer)
    switch data.targets {
    case .labels(let all): labels.gather(rows, of: all, width: 1)
    case .values(let all): values.gather(rows, of: all.scalars, width: values.count / seed.count)
    }
  }

  /// Σ w_i ℓ_i / b.
  func meanLoss(_ losses: UnsafeBufferPointer<Scalar>) -> Scalar {
    guard let losses = losses.baseAddress else { return 0 }
    return Scalar.dot(seed.count, seed.pointer, losses)
  }

  // MARK: The update

  /// |g|: squares are summed in blocks, blocks in their order.
  func gradientNorm(_ pool: WorkerPool?) -> Double {
    forEachBlock(pool) { block, range, _ in
      let part = gradient.pointer + range.lowerBound
      squares.pointer[block] = Scalar.dot(range.count, part, part)
    }
    var sum = 0.0
    for block in 0..<blocks.number { sum += Double(squares.pointer[block]) }
    return sum.squareRoot()
  }

  /// Multiplies the gradient by `scale` and lets the rule take a step.
  ///
  /// - Returns: Whether all parameters are finite afterwards.
  func update(
    _ settings: OptimizerSettings, scale: Scalar, rate: Double, step: Int, _ pool: WorkerPool?
  ) -> Bool {
    let rule = settings.rule
    forEachBlock(pool) { block, range, worker in
      let (start, count) = (range.lowerBound, range.count)
      let part = gradient.pointer + start
      if scale != 1 { Scalar.affine(count, scale, part, 0, part) }
      rule.update(
        OptimizerBlock(
          count: count, parameters: parameters.pointer + start, gradient: part,
          scratch: scratch.pointer + worker * Self.blockSize,
          states: UnsafePointer(stateTable.pointer), offset: start),
        settings, rate: rate, step: step)
      isFinite.pointer[block] = Scalar.allFinite(
        UnsafeBufferPointer(start: parameters.pointer + start, count: count))
    }
    for block in 0..<blocks.number where !isFinite.pointer[block] { return false }
    return true
  }

  private func forEachBlock(
    _ pool: WorkerPool?, _ body: (_ block: Int, _ range: Range<Int>, _ worker: Int) -> Void
  ) {
    if let pool, parameters.count >= Self.smallestShared {
      pool.run(blocks.number) { block, worker in body(block, blocks[block], worker) }
    } else {
      for block in 0..<blocks.number { body(block, blocks[block], 0) }
    }
  }
}
