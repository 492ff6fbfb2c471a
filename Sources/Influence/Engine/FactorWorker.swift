import Autodiff
import TensorCore
import Training

/// Items in memory for the length of a computation.
struct ItemPointers<Scalar: TensorScalar> {
  let inputs: UnsafePointer<Scalar>
  let labels: UnsafePointer<Int32>?
  let values: UnsafePointer<Scalar>?
  let count: Int
}

/// A checkpoint in memory for the length of a computation.
struct CheckpointPointers<Scalar: TensorScalar> {
  /// `[P]`.
  let parameters: UnsafePointer<Scalar>
  let weight: WeightedCheckpoint<Scalar>.Weight
  /// The weights that meet sparse inputs, as ``GradientFactors/inputWeights`` lists them.
  let inputWeights: [TransposedPanels<Scalar>]

  /// Whether no item's score can come from here, as from the parameters after the last step.
  var isIdle: Bool {
    switch weight {
    case .uniform(let weight): Scalar(weight) == 0
    case .perItem(let weights): weights.allSatisfy { Scalar($0) == 0 }
    }
  }

  /// The part of the weight that the queries carry; weights per item are the items' own.
  var queryWeight: Double {
    if case .uniform(let weight) = weight { weight } else { 1 }
  }
}

extension Dataset {
  /// Calls the body with pointers to the items.
  func withPointers<Result>(_ body: (ItemPointers<Scalar>) throws -> Result) rethrows -> Result {
    try inputs.scalars.withUnsafeBufferPointer { inputs in
      try targetPointers { labels, values in
        // An empty array may have no address; nothing is read through this one then.
        let nothing = AlignedBuffer<Scalar>(0, filledWith: 0)
        defer { withExtendedLifetime(nothing) {} }
        return try body(
          ItemPointers(
            inputs: inputs.baseAddress ?? UnsafePointer(nothing.base), labels: labels,
            values: values, count: count))
      }
    }
  }

  private func targetPointers<Result>(
    _ body: (UnsafePointer<Int32>?, UnsafePointer<Scalar>?) throws -> Result
  ) rethrows -> Result {
    switch targets {
    case .labels(let labels):
      try labels.withUnsafeBufferPointer { try body($0.baseAddress, nil) }
    case .values(let values):
      try values.scalars.withUnsafeBufferPointer { try body(nil, $0.baseAddress) }
    }
  }
}

/// One thread's memory for running a ``FactorPlan``.
final class FactorWorker<Scalar: TensorScalar> {
  let plan: FactorPlan<Scalar>
  private let workspace: Workspace<Scalar>
  // A short batch is filled up in these with copies of its first item: zeros might be what a model
  // divides by.
  private lazy var paddedInputs = AlignedBuffer<Scalar>(
    plan.batch * plan.inputCount, filledWith: 0)
  private lazy var paddedLabels = AlignedBuffer<Int32>(
    plan.batch * plan.targetCount, filledWith: -100)
  private lazy var paddedValues = AlignedBuffer<Scalar>(
    plan.batch * plan.targetCount, filledWith: 0)
  /// One term's gradient of one item, where norms need it.
  lazy var gradient = AlignedBuffer<Scalar>(
    plan.terms.map(\.gradientCount).max() ?? 0, filledWith: 0)
  private var currentInputs: UnsafePointer<Scalar>?
  /// The nonzeros of the batch's inputs, where zeros are to be skipped.
  let sparseInputs: SparseRows<Scalar>?
  /// Products of the inputs with the plan's input weights, `[B, O]`.
  private let inputProducts: [AlignedBuffer<Scalar>]

  init(_ plan: FactorPlan<Scalar>) {
    self.plan = plan
    workspace = plan.plan.makeWorkspace()
    sparseInputs =
      plan.hasSparseInputs ? SparseRows(rows: plan.batch, columns: plan.inputCount) : nil
    inputProducts = plan.factors.inputWeights.map {
      AlignedBuffer(plan.batch * $0.shape[0], filledWith: 0)
    }
    for (weight, product) in zip(plan.factors.inputWeights, inputProducts) {
      if let slot = plan.plan.input(GradientFactors<Scalar>.productLabel(weight)) {
        workspace.bind(slot, to: UnsafePointer(product.base))
      }
    }
  }

  /// Elements of memory that a worker takes, the plan's workspace included.
  static func memoryCount(_ plan: FactorPlan<Scalar>) -> Int {
    let products = plan.factors.inputWeights.reduce(0) { $0 + plan.batch * $1.shape[0] }
    let sparse =
      plan.hasSparseInputs
      ? SparseRows<Scalar>.memoryCount(rows: plan.batch, columns: plan.inputCount) : 0
    return plan.batch * (plan.inputCount + plan.targetCount) + products + sparse
      + plan.plan.workspaceCount
  }

  /// Takes the items of a range, at most a batch of them, for the next runs.
  ///
  /// The items' memory must outlive the use of the factors.
  func load(_ items: ItemPointers<Scalar>, _ range: Range<Int>) {
    let (inputCount, targetCount) = (plan.inputCount, plan.targetCount)
    var inputs = items.inputs + range.lowerBound * inputCount
    var labels = items.labels.map { $0 + range.lowerBound * targetCount }
    var values = items.values.map { $0 + range.lowerBound * targetCount }
    if range.count < plan.batch {
      inputs = fill(paddedInputs, from: inputs, range.count, width: inputCount)
      labels = labels.map { fill(paddedLabels, from: $0, range.count, width: targetCount) }
      values = values.map { fill(paddedValues, from: $0, range.count, width: targetCount) }
    }
    currentInputs = inputs
    sparseInputs?.load(inputs, count: plan.batch)
    if let slot = plan.plan.input(ItemGraph.inputsLabel) { workspace.bind(slot, to: inputs) }
    if let labels, let slot = plan.plan.indexInput(ItemGraph.targetsLabel) {
      workspace.bind(slot, to: labels)
    }
    if let values, let slot = plan.plan.input(ItemGraph.targetsLabel) {
      workspace.bind(slot, to: values)
    }
  }

  /// Runs the items taken last at a checkpoint.
  func run(at checkpoint: CheckpointPointers<Scalar>) {
    workspace.bind(plan.layout, of: plan.plan, to: checkpoint.parameters)
    if let sparseInputs {
      for (weight, product) in zip(checkpoint.inputWeights, inputProducts) {
        sparseInputs.product(weight, into: product.base)
      }
    }
    plan.plan.run(workspace)
  }

  private func fill<Element>(
    _ memory: AlignedBuffer<Element>, from source: UnsafePointer<Element>, _ count: Int, width: Int
  ) -> UnsafePointer<Element> {
    memory.base.update(from: source, count: count * width)
    for row in count..<plan.batch { (memory.base + row * width).update(from: source, count: width) }
    return UnsafePointer(memory.base)
  }

  /// The numbers of all sources after a run.
  var rows: FactorRows<Scalar> { FactorRows(base: plan.factors.sources.indices.map(rows)) }

  /// The numbers of a source after a run, `[B, count]`.
  func rows(_ source: Int) -> UnsafePointer<Scalar> {
    let rows =
      plan.factors.sources[source].output.map { workspace.output($0).baseAddress } ?? currentInputs
    guard let rows else { preconditionFailure("factors are read before a batch has run") }
    return rows
  }

  /// Multiplies the gradients of the batch's items by `[B]` weights, in place.
  func scaleCotangents(by weights: UnsafePointer<Scalar>) {
    var scaled: Set<Int> = []
    for term in plan.terms {
      for use in term.uses + [term.bias].compactMap({ $0 })
      where scaled.insert(use.cotangent).inserted {
        Scalar.scaleRows(
          plan.batch, plan.factors.sources[use.cotangent].count, weights,
          UnsafeMutablePointer(mutating: rows(use.cotangent)))
      }
    }
  }

  /// Multiplies each row's gradient by the power of two that brings its cotangents near 1, where
  /// their squares or products might vanish or overflow; the division is exact, and cosines do not
  /// change by it.
  ///
  /// A cotangent that is subnormal keeps its size: its few digits name no direction.
  func balanceCotangents(_ count: Int) {
    var known: Set<Int> = []
    let cotangents = plan.terms.flatMap { $0.uses + [$0.bias].compactMap { $0 } }.map(\.cotangent)
      .filter { known.insert($0).inserted }
    let squares = AlignedBuffer<Double>(count, filledWith: 0)
    for source in cotangents {
      Scalar.addSquareNorms(
        count, plan.factors.sources[source].count, rows(source), squares.base)
    }
    for row in 0..<count where !(squares.base[row] > 0x1p-120 && squares.base[row] < 0x1p120) {
      var largest: Scalar = 0
      for source in cotangents {
        let width = plan.factors.sources[source].count
        let own = UnsafeBufferPointer(start: rows(source) + row * width, count: width)
        for value in own { largest = max(largest, abs(value)) }
      }
      guard largest.isNormal else { continue }
      // Half of the power at a time: the whole one may be beyond the precision.
      let exponent = -largest.exponent
      let half = Scalar(sign: .plus, exponent: exponent / 2, significand: 1)
      let rest = Scalar(sign: .plus, exponent: exponent - exponent / 2, significand: 1)
      for source in cotangents {
        let width = plan.factors.sources[source].count
        let own = UnsafeMutablePointer(mutating: rows(source) + row * width)
        for place in 0..<width { own[place] = own[place] * half * rest }
      }
    }
  }

  /// The measure of each item of the batch.
  var values: UnsafePointer<Scalar> {
    guard let values = workspace.output(0).baseAddress else {
      preconditionFailure("a batch of no items")
    }
    return UnsafePointer(values)
  }
}
