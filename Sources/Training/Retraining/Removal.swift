public import TensorCore

/// What a retraining leaves out of a run.
public struct Removal: Equatable, Sendable {
  /// What takes the items' place.
  public enum Semantics: Equatable, Sendable {
    /// Nothing: their weight is 0. They count in a batch's denominator still, so that the others keep
    /// their share: what an influence predicts.
    case fixedDenominator
    /// Nothing: their entries in the batches become −1. The mean is over the others, as if the items
    /// had never been there. A batch of which nothing is left has no gradient: its step takes what
    /// momentum and weight decay ask for.
    case renormalized
    /// Items of the run's test set, in the order of the removed ones and each once: their inputs and
    /// targets are learnt at the same visits with the same weights.
    case swapped(with: [Int])
  }

  /// The removed items, rows of the training set.
  public var items: [Int]
  /// What takes their place.
  public var semantics: Semantics

  /// The removal of some items.
  public init(_ items: [Int], _ semantics: Semantics = .fixedDenominator) {
    self.items = items
    self.semantics = semantics
  }

  /// The run without the items.
  ///
  /// N, S and the numbers of all items stay as they are. Only a swap copies the data. A run of which
  /// a batch became empty can be trained, and not recorded.
  ///
  /// - Throws: ``TrainingError/setting(name:found:expected:)`` where an item is not there or named
  ///   twice.
  public func applied<Scalar: TensorScalar>(
    to run: TrainingRun<Scalar>
  ) throws(TrainingError) -> TrainingRun<Scalar> {
    try check(run)
    var run = run
    switch semantics {
    case .fixedDenominator:
      run.itemWeights = weights(run.itemWeights, items: run.train.items.count)
    case .renormalized:
      run.batches = run.batches.replacing(items) { _ in -1 }
    case .swapped(let others):
      if let test = run.test?.items {
        run.train.items = run.train.items.replacing(items, with: others, of: test)
      }
    }
    return run
  }

  /// Checks that the items are there.
  package func check<Scalar: TensorScalar>(_ run: TrainingRun<Scalar>) throws(TrainingError) {
    try Self.check(items, below: run.train.items.count, "removed item")
    guard case .swapped(let others) = semantics else { return }
    try Self.check(others, below: run.test?.items.count ?? 0, "test item swapped in")
    guard others.count == items.count else {
      throw .setting(
        name: "test items swapped in", found: "\(others.count)",
        expected: "\(items.count), one for each removed item")
    }
  }

  private static func check(
    _ items: [Int], below count: Int, _ what: String
  ) throws(TrainingError) {
    var seen: Set<Int> = []
    for item in items {
      guard (0..<count).contains(item), seen.insert(item).inserted else {
        throw .setting(
          name: what, found: "\(item)\(seen.contains(item) ? " twice" : "")",
          expected: count > 0 ? "0 to \(count - 1), each once" : "none: the run has no such items")
      }
    }
  }

  /// The weights `[N]` with zeros for the removed items.
  func weights<Scalar: TensorScalar>(_ weights: [Scalar]?, items count: Int) -> [Scalar] {
    var weights = weights ?? [Scalar](repeating: 1, count: count)
    for item in items { weights[item] = 0 }
    return weights
  }
}

extension Batches {
  /// The batches with other rows for some items; `row` is told the item's position in the list.
  func replacing(_ items: [Int], _ row: (Int) -> Int) -> Batches {
    var replacements: [Int: Int] = [:]
    for (position, item) in items.enumerated() { replacements[item] = row(position) }
    return Batches(size: size, rows: rows.map { replacements[$0] ?? $0 })
  }
}

extension Dataset {
  /// The items with those at some rows replaced, inputs, targets, names and groups.
  func replacing(_ rows: [Int], with others: [Int], of other: Dataset) -> Dataset {
    var inputs = inputs
    inputs.replaceRows(rows, with: others, of: other.inputs)
    var targets = targets
    switch (targets, other.targets) {
    case (.labels(var labels), .labels(let new)):
      let width = targetWidth
      for (row, place) in zip(rows, others) {
        for position in 0..<width {
          labels[row * width + position] = new[place * width + position]
        }
      }
      targets = .labels(labels)
    case (.values(var values), .values(let new)):
      values.replaceRows(rows, with: others, of: new)
      targets = .values(values)
    default: preconditionFailure("labels cannot take the place of numbers")
    }
    func texts(_ texts: [String], _ new: [String]) -> [String] {
      if texts.isEmpty || new.isEmpty { return [] }
      var texts = texts
      for (row, place) in zip(rows, others) { texts[row] = new[place] }
      return texts
    }
    return Dataset(
      inputs: inputs, targets: targets, ids: texts(ids, other.ids),
      groups: texts(groups, other.groups))
  }
}

extension Tensor {
  /// Overwrites some rows by rows of another tensor of the same width.
  fileprivate mutating func replaceRows(_ rows: [Int], with others: [Int], of other: Tensor) {
    let width = count / Swift.max(shape[0], 1)
    for (row, place) in Swift.zip(rows, others) {
      let values = other.scalars[place * width..<(place + 1) * width]
      scalars.replaceSubrange(row * width..<(row + 1) * width, with: values)
    }
  }
}
