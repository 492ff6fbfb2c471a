import TensorCore

/// What the retrainings of one run share.
///
/// Items that are swapped in stand after the N items of the run, so that all variants read the same
/// data.
struct RetrainingPlan<Scalar: TensorScalar>: Sendable {
  let run: TrainingRun<Scalar>
  let variants: [BulkRetraining<Scalar>.Variant]
  let data: Dataset<Scalar>
  /// The row of each test item that is swapped in.
  private let swapped: [Int: Int]

  /// - Throws: ``TrainingError`` where a variant does not fit the run.
  init(
    _ run: TrainingRun<Scalar>, _ variants: [BulkRetraining<Scalar>.Variant]
  ) throws(TrainingError) {
    var used: Set<Int> = []
    for variant in variants {
      switch variant {
      case .itemWeights(let weights): try run.check(weights: weights)
      case .removal(let removal):
        try removal.check(run)
        if case .swapped(let others) = removal.semantics { used.formUnion(others) }
      }
    }
    let (items, others) = (run.train.items, used.sorted())
    if let test = run.test?.items, !others.isEmpty {
      data = items.appending(test[others])
    } else {
      data = items
    }
    swapped = Dictionary(
      uniqueKeysWithValues: others.enumerated().map { ($0.element, items.count + $0.offset) })
    self.run = run
    self.variants = variants
  }

  /// The batches of a variant, and the weights of all items in the shared data.
  func parts(of variant: Int) -> (batches: Batches, weights: [Scalar]) {
    let items = run.train.items.count
    var batches = run.batches
    var weights = run.itemWeights ?? [Scalar](repeating: 1, count: items)
    // A row that is swapped in takes the weight of the one it stands for.
    var others = [Scalar](repeating: 0, count: data.count - items)
    switch variants[variant] {
    case .itemWeights(let new): weights = new
    case .removal(let removal):
      switch removal.semantics {
      case .fixedDenominator: weights = removal.weights(weights, items: items)
      case .renormalized: batches = batches.replacing(removal.items) { _ in -1 }
      case .swapped(let places):
        let rows = places.compactMap { swapped[$0] }
        batches = batches.replacing(removal.items) { rows[$0] }
        for (item, row) in zip(removal.items, rows) { others[row - items] = weights[item] }
      }
    }
    return (batches, weights + others)
  }
}
