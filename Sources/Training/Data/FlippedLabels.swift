import TensorCore

/// Items that were given a wrong label on purpose, and their right ones.
public struct FlippedLabels: Sendable, Equatable {
  /// The items, ascending.
  public let items: [Int]
  /// The right label of each.
  public let labels: [Int32]

  /// Some items with their right labels.
  ///
  /// - Precondition: One label for each item.
  public init(items: [Int], labels: [Int32]) {
    precondition(items.count == labels.count, "\(labels.count) labels of \(items.count) items")
    self.items = items
    self.labels = labels
  }
}

extension Dataset {
  /// The items with the labels of some of them replaced by wrong ones: which ones, and by which of
  /// the other classes, is drawn at random.
  ///
  /// From one seed a smaller share flips some of the labels that a larger one does.
  ///
  /// - Parameters:
  ///   - share: Of the items that have a label, in (0, 1), rounded to whole items.
  ///   - classes: C, the number of classes.
  ///   - seed: What is drawn from.
  /// - Throws: ``TrainingError/data(_:)`` where items have no label or one for each position;
  ///   ``TrainingError/setting(name:found:expected:)`` where the share flips none or all.
  public func flippingLabels(
    _ share: Double, classes: Int, seed: UInt64
  ) throws(TrainingError) -> (data: Dataset, flipped: FlippedLabels) {
    guard var labels else {
      throw .data("flip labels: found items without a class each, expected one label for each item")
    }
    let labelled = labels.indices.filter { labels[$0] >= 0 }
    let count = share > 0 && share < 1 ? Int((share * Double(labelled.count)).rounded()) : 0
    guard count > 0, count < labelled.count, classes > 1 else {
      throw .setting(
        name: "flip labels", found: "\(share) of \(labelled.count) items of \(classes) classes",
        expected: "a share that flips at least one label and leaves at least one")
    }
    var random = RandomStream(seed: seed, for: .flippedLabels)
    let chosen = random.subset(count, of: labelled.count).map { labelled[$0] }
    let flipped = FlippedLabels(items: chosen, labels: chosen.map { labels[$0] })
    for item in chosen {
      random.position = UInt64(labelled.count + item)
      let other = Int32(random.nextInteger(below: classes - 1))
      labels[item] = other < labels[item] ? other : other + 1
    }
    return (
      Dataset(inputs: inputs, targets: .labels(labels), ids: ids, groups: groups), flipped
    )
  }
}
