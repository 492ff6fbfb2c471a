import TensorCore
import Training

/// What a sweep predicts of removals: the change of each query's measure, to first order.
///
/// A visit is what one entry of one batch added to the measure. Leaving items out takes their visits
/// away. Where the mean is over the items that are left, the others' visits grow by the same
/// share as the denominator shrinks; where a held-out item takes the place of one, what it would have
/// added at the same visits comes instead.
struct RemovalPrediction<Scalar: TensorScalar> {
  private let run: TrainingRun<Scalar>
  private let removals: [Removal]
  private let isRemoved: [[Bool]]
  private let standIns: StandIns

  init(_ run: TrainingRun<Scalar>, _ removals: [Removal], _ standIns: StandIns) {
    self.run = run
    self.removals = removals
    self.standIns = standIns
    isRemoved = removals.map { removal in
      var flags = [Bool](repeating: false, count: run.train.items.count)
      for item in removal.items { flags[item] = true }
      return flags
    }
  }

  /// The predicted change of one query for each removal, in the measure's own sign.
  ///
  /// - Parameters:
  ///   - visits: `[S, B]`.
  ///   - strangers: What stand-ins would have added, as their table has it.
  ///   - weights: `[N]`, what visits are counted by; nil for ones.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func changes(
    _ visits: UnsafePointer<Scalar>, _ strangers: UnsafePointer<Scalar>, weights: [Scalar]?
  ) -> [Double] {
    let size = run.batches.size
    return removals.indices.map { number in
      var change = 0.0
      for step in 0..<run.batches.count {
        var (gone, left, goneCount, leftCount) = (0.0, 0.0, 0, 0)
        for (entry, item) in run.batches[step].enumerated() where item >= 0 {
          let visit = Double(visits[step * size + entry]) * (weights.map { Double($0[item]) } ?? 1)
          if isRemoved[number][item] {
            gone += visit
            goneCount += 1
          } else {
            left += visit
            leftCount += 1
          }
        }
        change -= gone
        if removals[number].semantics == .renormalized, leftCount > 0 {
          change += Double(goneCount) / Double(leftCount) * left
        }
      }
      for (item, place) in standIns.places[number] {
        change += Double(strangers[place]) * (weights.map { Double($0[item]) } ?? 1)
      }
      return change
    }
  }
}

/// The held-out items that take the place of removed ones.
struct StandIns {
  /// The training items that are replaced, each with the row of the test set that replaces it, in the
  /// order in which their table lists them.
  private(set) var pairs: [(item: Int, other: Int)] = []
  /// For each removal its items with where their stand-in's number is in a query's row.
  private(set) var places: [[(item: Int, place: Int)]]

  init(_ removals: [Removal]) {
    var listed: [(item: Int, other: Int, removal: Int)] = []
    for (number, removal) in removals.enumerated() {
      guard case .swapped(let others) = removal.semantics else { continue }
      for (item, other) in zip(removal.items, others) { listed.append((item, other, number)) }
    }
    listed.sort { ($0.item, $0.removal) < ($1.item, $1.removal) }
    places = removals.map { _ in [] }
    for (place, entry) in listed.enumerated() {
      pairs.append((entry.item, entry.other))
      places[entry.removal].append((entry.item, place))
    }
  }
}

extension StrangerTable {
  /// Each replaced item's own stand-ins, in the order of the pairs.
  init(_ standIns: StandIns, items: Int) {
    var range = [Range<Int>](repeating: 0..<0, count: items)
    for (place, pair) in standIns.pairs.enumerated() {
      let first = range[pair.item].isEmpty ? place : range[pair.item].lowerBound
      range[pair.item] = first..<place + 1
    }
    self.init(range: range)
  }
}
