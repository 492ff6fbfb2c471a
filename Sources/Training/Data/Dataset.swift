public import TensorCore

/// Items with inputs and targets.
public struct Dataset<Scalar: TensorScalar>: Sendable, Equatable {
  /// What an item is to be mapped to.
  public enum Targets: Sendable, Equatable {
    /// A class of each item, `[N]`, or of each position of each item, `[N, …]`; −100 for none.
    case labels([Int32])
    /// Numbers of each item, `[N, O]`.
    case values(Tensor<Scalar>)
  }

  /// `[N] + inputShape`.
  public let inputs: Tensor<Scalar>
  /// One target per item.
  public let targets: Targets
  /// Names of the items, N of them, or none.
  public let ids: [String]
  /// The group (owner, document, source) of each item, N of them, or none.
  public let groups: [String]

  /// Items with these inputs and targets.
  ///
  /// - Precondition: All have N items; `ids` and `groups` may be empty.
  public init(
    inputs: Tensor<Scalar>, targets: Targets, ids: [String] = [], groups: [String] = []
  ) {
    let count = inputs.shape.extents.first ?? 0
    precondition(ids.isEmpty || ids.count == count, "\(ids.count) ids for \(count) items")
    precondition(
      groups.isEmpty || groups.count == count, "\(groups.count) groups for \(count) items")
    switch targets {
    case .labels(let labels):
      precondition(
        count > 0 ? labels.count % count == 0 : labels.isEmpty,
        "\(labels.count) labels for \(count) items")
    case .values(let values):
      precondition(values.shape[0] == count, "\(values.shape) targets for \(count) items")
    }
    self.inputs = inputs
    self.targets = targets
    self.ids = ids
    self.groups = groups
  }

  /// N, the number of items.
  public var count: Int { inputs.shape.extents.first ?? 0 }

  /// The class of each item; nil where targets are numbers, or labels of positions.
  public var labels: [Int32]? {
    if case .labels(let labels) = targets, labels.count == count { labels } else { nil }
  }

  /// The labels or numbers that each item's target has.
  public var targetWidth: Int {
    switch targets {
    case .labels(let labels): labels.count / max(count, 1)
    case .values(let values): values.count / max(count, 1)
    }
  }

  /// The chosen items in the order given, repeats allowed.
  public subscript(indices: [Int]) -> Dataset {
    let targets: Targets =
      switch self.targets {
      case .labels(let labels):
        .labels(indices.flatMap { labels[$0 * targetWidth..<($0 + 1) * targetWidth] })
      case .values(let values): .values(values.gatheringRows(indices))
      }
    return Dataset(
      inputs: inputs.gatheringRows(indices), targets: targets,
      ids: ids.isEmpty ? [] : indices.map { ids[$0] },
      groups: groups.isEmpty ? [] : indices.map { groups[$0] })
  }

  /// These items and then those of another data set of the same kind.
  ///
  /// - Precondition: Both have labels or both have numbers, of the same shapes.
  public func appending(_ other: Dataset) -> Dataset {
    func joined(_ a: Tensor<Scalar>, _ b: Tensor<Scalar>) -> Tensor<Scalar> {
      let rows = a.shape[0] + b.shape[0]
      return Tensor(
        Shape([rows] + a.shape.extents.dropFirst()), a.scalars + b.scalars)
    }
    let targets: Targets
    switch (self.targets, other.targets) {
    case (.labels(let a), .labels(let b)):
      precondition(
        targetWidth == other.targetWidth || count * other.count == 0, "labels of other positions")
      targets = .labels(a + b)
    case (.values(let a), .values(let b)): targets = .values(joined(a, b))
    default: preconditionFailure("labels cannot be appended to numbers")
    }
    let keepsIDs = !ids.isEmpty && !other.ids.isEmpty
    let keepsGroups = !groups.isEmpty && !other.groups.isEmpty
    return Dataset(
      inputs: joined(inputs, other.inputs), targets: targets,
      ids: keepsIDs ? ids + other.ids : [], groups: keepsGroups ? groups + other.groups : [])
  }

  /// The same items in another precision, rounded.
  public func cast<Other: TensorScalar>(to type: Other.Type = Other.self) -> Dataset<Other> {
    let targets: Dataset<Other>.Targets =
      switch self.targets {
      case .labels(let labels): .labels(labels)
      case .values(let values): .values(values.cast())
      }
    return Dataset<Other>(inputs: inputs.cast(), targets: targets, ids: ids, groups: groups)
  }
}
