import RealModule
package import TensorCore
package import Training

/// Draws the training items of each run of a family from one data set.
package struct DilutionItems<Scalar: TensorScalar>: Sendable {
  let data: Dataset<Scalar>
  let labels: [Int32]
  /// The number of classes.
  let classes: Int
  /// The items of the half of each class that is nearest to the class's mean, ascending.
  package let typical: [Int]
  /// The least and the greatest number among the inputs.
  private let span: ClosedRange<Double>

  /// A watched item of a run.
  package struct Watched: Sendable, Equatable {
    /// Its row in the data; nil for noise.
    package let source: Int?
    /// The label that it is learnt with.
    package let label: Int32
    /// Its copies, rows of the run's training set.
    package let copies: Range<Int>
  }

  /// - Throws: `TrainingError` where items have no labels, or all have the same.
  package init(_ data: Dataset<Scalar>) throws(TrainingError) {
    guard let labels = data.labels, !labels.contains(Dataset<Scalar>.noLabel) else {
      throw .data("training items: found one without a label, expected a class for each")
    }
    let classes = Int(labels.max() ?? 0) + 1
    guard Set(labels).count > 1 else {
      throw .data("training items: found a single class, expected at least two")
    }
    self.data = data
    self.labels = labels
    self.classes = classes
    typical = Self.nearest(data, labels, classes)
    span =
      -Double((-data.inputs).max())...Double(data.inputs.max())
  }

  /// The items of the half of each class that is nearest to the class's mean.
  private static func nearest(
    _ data: Dataset<Scalar>, _ labels: [Int32], _ classes: Int
  ) -> [Int] {
    var chosen: [Int] = []
    for label in 0..<classes {
      let own = labels.indices.filter { labels[$0] == Int32(label) }
      guard !own.isEmpty else { continue }
      let rows = data.inputs.gatheringRows(own).reshaped([
        own.count, data.inputs.count / data.count,
      ]).cast(to: Double.self)
      let apart = rows - rows.sum(axis: 0) / Double(own.count)
      let distances = (apart * apart).sum(axis: 1).scalars
      let order = own.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }
      chosen += order.prefix((own.count + 1) / 2).map { own[$0] }
    }
    return chosen.sorted()
  }

  /// The training set of a run: the copies of its watched items, one item's after the other's, and
  /// then items of the data in an order of the seed.
  ///
  /// For one seed the same items are watched at all places of the family, the mislabelled ones are
  /// the typical ones under other labels, and a smaller run's other items are among a larger one's.
  package func training(
    _ cell: DilutionCell, watched count: Int
  ) -> (items: Dataset<Scalar>, watched: [Watched]) {
    var random = RandomStream(seed: cell.seed, for: .dilution)
    let order = random.permutation(data.count)
    random.position = UInt64(data.count)
    let candidates = typical.count < count ? Array(labels.indices) : typical
    let sources = random.permutation(candidates.count).prefix(count).map { candidates[$0] }
    random.position = UInt64(data.count + candidates.count)
    let copies = cell.point.copies
    var watched: [Watched] = []
    var noise: [Scalar] = []
    for (number, source) in sources.enumerated() {
      let place = number * copies..<(number + 1) * copies
      switch cell.kind {
      case .typical:
        watched.append(Watched(source: source, label: labels[source], copies: place))
      case .mislabelled:
        // Another class, each equally likely.
        let shift = 1 + random.nextInteger(below: classes - 1)
        let label = Int32((Int(labels[source]) + shift) % classes)
        watched.append(Watched(source: source, label: label, copies: place))
      case .random:
        let label = Int32(random.nextInteger(below: classes))
        watched.append(Watched(source: nil, label: label, copies: place))
        let numbers: Tensor<Double> = random.uniformTensor([data.inputs.count / data.count])
        noise += numbers.scalars.map {
          Scalar(span.lowerBound + $0 * (span.upperBound - span.lowerBound))
        }
      }
    }
    let isWatched = Set(sources)
    let others = order.lazy.filter { !isWatched.contains($0) }
      .prefix(cell.point.items - count * copies)
    let shape = Shape([count]).appending(Shape(Array(data.inputs.shape.extents.dropFirst())))
    let own = Dataset(
      inputs: cell.kind == .random
        ? Tensor(shape, noise) : data.inputs.gatheringRows(sources),
      targets: .labels(watched.map(\.label)))
    let repeated = (0..<count).flatMap { [Int](repeating: $0, count: copies) }
    let rest = Dataset(
      inputs: data.inputs, targets: .labels(labels))[Array(others)]
    return (own[repeated].appending(rest), watched)
  }
}
