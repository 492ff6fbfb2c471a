package import Autodiff
package import TensorCore

/// The items of one batch next to each other in memory, for plans to read.
///
/// For one thread at a time.
package final class BatchMemory<Scalar: TensorScalar> {
  /// `[B] + inputShape`; what fills a short batch up weighs nothing.
  package let inputs: AlignedBuffer<Scalar>
  /// `[B]`, item weight over b; 0 where the batch is short.
  package let seed: AlignedBuffer<Scalar>
  private let labels: AlignedBuffer<Int32>
  private let values: AlignedBuffer<Scalar>
  private let inputWidth: Int
  private let targetWidth: Int

  /// Memory for batches of B items.
  package init(_ model: any Model, loss: Loss, batch: Int) {
    inputWidth = model.inputShape.count
    targetWidth = model.targetShape(loss).count
    inputs = AlignedBuffer(batch * inputWidth, filledWith: 0)
    seed = AlignedBuffer(batch, filledWith: 0)
    labels = AlignedBuffer(loss.takesLabels ? batch * targetWidth : 0, filledWith: 0)
    values = AlignedBuffer(loss.takesLabels ? 0 : batch * targetWidth, filledWith: 0)
  }

  /// Lets a workspace read the batch, or its items from one on.
  package func bind(_ workspace: Workspace<Scalar>, _ plan: Plan<Scalar>, from item: Int = 0) {
    if let slot = plan.input(ItemGraph.inputsLabel) {
      workspace.bind(slot, to: UnsafePointer(inputs.base + item * inputWidth))
    }
    if let slot = plan.input(ItemGraph.targetsLabel) {
      workspace.bind(slot, to: UnsafePointer(values.base + item * targetWidth))
    }
    if let slot = plan.input(TrainingProgram<Scalar>.seedLabel) {
      workspace.bind(slot, to: UnsafePointer(seed.base + item))
    }
    if let slot = plan.indexInput(ItemGraph.targetsLabel) {
      workspace.bind(slot, to: UnsafePointer(labels.base + item * targetWidth))
    }
  }

  /// Copies a batch's items next to each other, and their weights over b into the seed; zeros for a
  /// batch without items.
  ///
  /// - Parameters:
  ///   - rows: At most B rows of the data; −1 for none.
  ///   - weights: `[N]`; nil for ones.
  package func load(
    _ rows: ArraySlice<Int>, of data: Dataset<Scalar>, weights: AlignedBuffer<Scalar>?
  ) {
    precondition(rows.count <= seed.count, "\(rows.count) rows for a batch of \(seed.count)")
    // A short batch is filled up with copies of an item, which weigh nothing: a network may not take
    // zeros.
    let filler = rows.first { $0 >= 0 } ?? 0
    let whole =
      rows.map { $0 < 0 ? filler : $0 }
      + [Int](repeating: filler, count: seed.count - rows.count)
    inputs.gather(whole[...], of: data.inputs.scalars, width: inputWidth)
    var present = 0
    for row in rows where row >= 0 { present += 1 }
    for place in rows.count..<seed.count { seed.base[place] = 0 }
    if let weights {
      seed.gather(rows, of: weights)
    } else {
      for (place, row) in rows.enumerated() { seed.base[place] = row >= 0 ? 1 : 0 }
    }
    var count = Scalar(max(present, 1))
    Scalar.zip(.divide, rows.count, seed.base, true, &count, false, seed.base)
    switch data.targets {
    case .labels(let all): labels.gather(whole[...], of: all, width: targetWidth)
    case .values(let all): values.gather(whole[...], of: all.scalars, width: targetWidth)
    }
  }
}
