import TensorCore
import Training

/// Which held-out items stand in for which training items.
struct StrangerTable: Sendable {
  /// Held-out items ordered by label, so that each item's are next to each other.
  let order: [Int]
  /// Places in ``order`` of the strangers of each training item, `[N]`.
  let range: [Range<Int>]
  /// Where each training item's credits start in one query's row, `[N + 1]`.
  let start: [Int]

  /// Strangers of the same label; all of them where there are no labels.
  init<Scalar>(_ items: Dataset<Scalar>, _ strangers: Dataset<Scalar>, sameLabel: Bool) {
    if sameLabel, let labels = items.labels, let others = strangers.labels {
      order = others.indices.sorted { (others[$0], $0) < (others[$1], $1) }
      var places: [Int32: Range<Int>] = [:]
      for (place, stranger) in order.enumerated() {
        let label = others[stranger]
        places[label] = (places[label]?.lowerBound ?? place)..<place + 1
      }
      range = labels.map { places[$0] ?? 0..<0 }
    } else {
      order = Array(0..<strangers.count)
      range = [Range<Int>](repeating: 0..<strangers.count, count: items.count)
    }
    var start = [0]
    for range in range { start.append(start[start.count - 1] + range.count) }
    self.start = start
  }

  /// The credits of one query's row.
  var rowCount: Int { start[start.count - 1] }
}
