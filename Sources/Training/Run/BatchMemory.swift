package import Autodiff
package import TensorCore

/// The items of one batch next to each other in memory, for plans to read.
///
/// For one thread at a time.
package final class BatchMemory<Scalar: TensorScalar> {
  /// `[B] + inputShape`, zeros where the batch is short.
  package let inputs: AlignedBuffer<Scalar>
  /// `[B]`, item weight over b; 0 where the batch is short.
  package let seed: AlignedBuffer<Scalar>
  private let labels: AlignedBuffer<Int32>
  private let values: AlignedBuffer<Scalar>
  private let widths: (input: Int, target: Int)

  /// Memory for batches of B items.
  package init(_ model: any Model, loss: Loss, batch: Int) {
    widths = (model.inputShape.count, loss.takesLabels ? 0 : model.outputShape.count)
    inputs = AlignedBuffer(batch * widths.input, filledWith: 0)
    seed = AlignedBuffer(batch, filledWith: 0)
    labels = AlignedBuffer(batch, filledWith: 0)
    values = AlignedBuffer(batch * widths.target, filledWith: 0)
  }

  /// Lets a workspace read the batch.
  package func bind(_ workspace: Workspace<Scalar>, _ plan: Plan<Scalar>) {
    for (label, memory) in [
      (ItemGraph.inputsLabel, inputs), (ItemGraph.targetsLabel, values),
      (TrainingProgram<Scalar>.seedLabel, seed),
    ] {
      if let slot = plan.input(label) { workspace.bind(slot, to: UnsafePointer(memory.base)) }
    }
    if let slot = plan.indexInput(ItemGraph.targetsLabel) {
      workspace.bind(slot, to: UnsafePointer(labels.base))
    }
  }

  /// Copies a batch's items, and their weights over b; b counts the entries that name an item.
  ///
  /// - Parameters:
  ///   - rows: At most B rows of the data; −1 for none.
  ///   - weights: `[N]`; nil for ones.
  package func load(_ rows: ArraySlice<Int>, of data: Dataset<Scalar>, weights: [Scalar]?) {
    let present = Scalar(max(rows.count { $0 >= 0 }, 1))
    for (place, row) in rows.enumerated() {
      let isPresent = row >= 0
      seed.base[place] = isPresent ? (weights?[row] ?? 1) / present : 0
      let input = inputs.base + place * widths.input
      if isPresent {
        data.inputs.scalars.withUnsafeBufferPointer { all in
          if let base = all.baseAddress {
            input.update(from: base + row * widths.input, count: widths.input)
          }
        }
      } else {
        input.update(repeating: 0, count: widths.input)
      }
      switch data.targets {
      case .labels(let all): labels.base[place] = isPresent ? all[row] : 0
      case .values(let all):
        let target = values.base + place * widths.target
        for column in 0..<widths.target {
          target[column] = isPresent ? all.scalars[row * widths.target + column] : 0
        }
      }
    }
  }
}
