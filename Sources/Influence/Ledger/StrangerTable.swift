import TensorCore
import Training

/// Which held-out items stand in for which training items.
struct StrangerTable: Sendable {
  /// The held-out items that are strangers of each training item, `[N]`.
  let range: [Range<Int>]
  /// Where each training item's credits start in one query's row, `[N + 1]`.
  let start: [Int]

  /// Strangers of the same label where that is wanted and there are labels, else all of them.
  ///
  /// - Parameter strangers: Held-out items, those of a label next to each other.
  init<Scalar>(_ items: Dataset<Scalar>, _ strangers: Dataset<Scalar>, sameLabel: Bool) {
    var range = [Range<Int>](repeating: 0..<strangers.count, count: items.count)
    if sameLabel, let labels = items.labels, let others = strangers.labels {
      var places: [Int32: Range<Int>] = [:]
      for (place, label) in others.enumerated() {
        places[label] = (places[label]?.lowerBound ?? place)..<place + 1
      }
      range = labels.map { places[$0] ?? 0..<0 }
    }
    self.init(range: range)
  }

  init(range: [Range<Int>]) {
    self.range = range
    var start = [0]
    for range in range { start.append(start[start.count - 1] + range.count) }
    self.start = start
  }

  /// The credits of one query's row.
  var rowCount: Int { start[start.count - 1] }
}

extension Dataset {
  /// The same items, those of a label next to each other.
  var orderedByLabel: Dataset {
    guard let labels else { return self }
    return self[labels.indices.sorted { (labels[$0], $0) < (labels[$1], $1) }]
  }
}
