import Autodiff
public import TensorCore

/// A batch and the memory in which a ``TrainingProgram`` gives its losses and its gradient.
///
/// The batch goes through the network in the program's chunks, which threads take; their gradients
/// are summed in the order of the chunks, so that the bits do not depend on the threads.
///
/// For one thread at a time.
public final class BatchGradient<Scalar: TensorScalar> {
  /// `[P]`, the gradient of Σ seed · loss after a run.
  public let gradient: AlignedBuffer<Scalar>
  private let program: TrainingProgram<Scalar>
  private let batch: BatchMemory<Scalar>
  /// `[B]`, filled up to whole chunks.
  private let losses: AlignedBuffer<Scalar>
  /// `[chunks, P]`; empty where the batch is one chunk.
  private let parts: AlignedBuffer<Scalar>
  /// One for each thread, or one for each chunk where those are fewer.
  private let workspaces: [Workspace<Scalar>]
  private let blocks: Blocks

  /// Memory for batches of the program.
  ///
  /// - Parameter threads: Those of the pool that will run it.
  public init(_ program: TrainingProgram<Scalar>, threads: Int) {
    let (count, chunks) = (program.model.layout.count, program.chunks)
    self.program = program
    gradient = AlignedBuffer(count, filledWith: 0)
    batch = BatchMemory(
      program.model, loss: program.loss, batch: chunks.number * chunks.size)
    losses = AlignedBuffer(chunks.number * chunks.size, filledWith: 0)
    parts = AlignedBuffer(chunks.number > 1 ? chunks.number * count : 0, filledWith: 0)
    workspaces = (0..<min(threads, chunks.number)).map { _ in program.plan.makeWorkspace() }
    blocks = Blocks(count, size: 1 << 14)
    if chunks.number == 1 { bind(workspaces[0], 0, to: gradient.base) }
  }

  /// Elements of memory that it takes.
  public static func memoryCount(_ program: TrainingProgram<Scalar>, threads: Int) -> Int {
    let (count, chunks) = (program.model.layout.count, program.chunks)
    let items = program.model.inputShape.count + program.model.targetShape(program.loss).count
    return count * (chunks.number > 1 ? chunks.number + 1 : 1)
      + chunks.number * chunks.size * (items + 2)
      + min(threads, chunks.number) * program.plan.workspaceCount
  }

  /// Reads the parameters from a vector `[P]` that outlives the runs.
  public func bind(parameters: UnsafePointer<Scalar>) {
    for workspace in workspaces {
      workspace.bind(program.model.layout, of: program.plan, to: parameters)
    }
  }

  /// Takes a batch's items, and their weights over b, the entries that name an item.
  ///
  /// - Parameters:
  ///   - rows: At most B rows of the data; −1 for none.
  ///   - weights: `[N]`; nil for ones.
  public func load(
    _ rows: ArraySlice<Int>, of data: Dataset<Scalar>, weights: AlignedBuffer<Scalar>? = nil
  ) {
    precondition(
      rows.count <= program.batchSize, "\(rows.count) rows for a batch of \(program.batchSize)")
    batch.load(rows, of: data, weights: weights)
  }

  /// Computes the losses and the gradient of their weighted mean.
  ///
  /// - Precondition: Parameters and a batch were taken before.
  public func run(_ pool: WorkerPool? = nil) {
    let (chunks, count) = (program.chunks, gradient.count)
    guard chunks.number > 1 else { return run(workspaces[0], 0, pool) }
    let runChunk = { [self] (chunk: Int, worker: Int) in
      // Any thread of the pool may take a chunk, also where there are more threads than chunks.
      let own = workspaces[workspaces.count == chunks.number ? chunk : worker]
      bind(own, chunk, to: parts.base + chunk * count)
      run(own, chunk, nil)
    }
    let sumBlock = { [self] (block: Int, _: Int) in
      let (start, length) = (blocks[block].lowerBound, blocks[block].count)
      (gradient.base + start).update(from: parts.base + start, count: length)
      for chunk in 1..<chunks.number {
        Scalar.axpy(length, 1, parts.base + chunk * count + start, gradient.base + start)
      }
    }
    if let pool {
      pool.run(chunks.number, runChunk)
      pool.run(blocks.number, sumBlock)
    } else {
      for chunk in 0..<chunks.number { runChunk(chunk, 0) }
      for block in 0..<blocks.number { sumBlock(block, 0) }
    }
  }

  /// Σ w_i ℓ_i / b.
  public var meanLoss: Scalar { Scalar.dot(losses.count, batch.seed.base, losses.base) }

  private func run(_ workspace: Workspace<Scalar>, _ chunk: Int, _ pool: WorkerPool?) {
    program.plan.run(workspace, pool: pool)
    guard let own = workspace.output(0).baseAddress else { return }
    let size = program.chunks.size
    (losses.base + chunk * size).update(from: own, count: size)
  }

  private func bind(
    _ workspace: Workspace<Scalar>, _ chunk: Int, to gradient: UnsafeMutablePointer<Scalar>
  ) {
    batch.bind(workspace, program.plan, from: chunk * program.chunks.size)
    for (index, entry) in program.model.layout.entries.enumerated() {
      workspace.bind(output: index + 1, to: gradient + entry.offset)
    }
  }
}
