import TensorCore

/// The flat vectors of a ``Trainer``: parameters, optimizer state, and one batch with its gradient.
final class TrainerMemory<Scalar: TensorScalar> {
  let parameters: AlignedBuffer<Scalar>
  let batch: BatchGradient<Scalar>
  let states: [AlignedBuffer<Scalar>]
  /// `[N]`, one number for each item.
  let weights: AlignedBuffer<Scalar>
  private let stateTable: AlignedBuffer<UnsafeMutablePointer<Scalar>>
  private let scratch: AlignedBuffer<Scalar>
  /// One for each block.
  private let isFinite: AlignedBuffer<Bool>
  private let squares: AlignedBuffer<Scalar>
  private let blocks: Blocks
  private let parts: [OptimizerPart]

  /// Elements of which parameters, gradient, state and scratch fit a first-level cache together.
  private static var blockSize: Int { 2048 }
  /// Parameters below which waking the threads costs more than the update.
  private static var smallestShared: Int { 1 << 16 }

  init(_ program: TrainingProgram<Scalar>, items: Int, threads: Int) {
    let model = program.model
    let count = model.layout.count
    // What is not trained lies behind.
    blocks = Blocks(model.layout.trainableCount, size: Self.blockSize)
    parts = program.optimizer.parts(of: model.layout)
    parameters = AlignedBuffer(count, filledWith: 0)
    states = program.optimizer.rule.stateNames.map { _ in AlignedBuffer(count, filledWith: 0) }
    stateTable = AlignedBuffer(states.count, filledWith: parameters.base)
    for (index, state) in states.enumerated() { stateTable.base[index] = state.base }
    scratch = AlignedBuffer(threads * Self.blockSize, filledWith: 0)
    isFinite = AlignedBuffer(blocks.number, filledWith: true)
    squares = AlignedBuffer(blocks.number, filledWith: 0)
    weights = AlignedBuffer(items, filledWith: 1)
    batch = BatchGradient(program, threads: threads)
    batch.bind(parameters: parameters.base)
  }

  // MARK: The update

  /// |g|: squares are summed in blocks, blocks in their order.
  func gradientNorm(_ pool: WorkerPool?) -> Double {
    forEachBlock(pool) { block, range, _ in
      let part = batch.gradient.base + range.lowerBound
      squares.base[block] = Scalar.dot(range.count, part, part)
    }
    var sum = 0.0
    for block in 0..<blocks.number { sum += Double(squares.base[block]) }
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
      let part = batch.gradient.base + start
      if scale != 1 { Scalar.affine(count, scale, part, 0, part) }
      func update(_ range: Range<Int>, _ settings: OptimizerSettings, _ rate: Double) {
        rule.update(
          OptimizerBlock(
            count: range.count, parameters: parameters.base + range.lowerBound,
            gradient: batch.gradient.base + range.lowerBound,
            scratch: scratch.base + worker * Self.blockSize,
            states: UnsafePointer(stateTable.base), offset: range.lowerBound),
          settings, rate: rate, step: step)
      }
      if parts.count == 1 && settings.groups.isEmpty {
        update(range, settings, rate)
      } else {
        for part in parts where part.range.overlaps(range) {
          update(
            part.range.clamped(to: range), part.settings, part.rate(at: step - 1, rate))
        }
      }
      isFinite.base[block] = Scalar.allFinite(
        UnsafeBufferPointer(start: parameters.base + start, count: count))
    }
    for block in 0..<blocks.number where !isFinite.base[block] { return false }
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
