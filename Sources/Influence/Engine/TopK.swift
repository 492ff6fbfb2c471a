import HeapModule
import TensorCore

/// One item among the strongest for a query.
public struct RankedItem: Sendable, Equatable {
  /// The item's number.
  public let item: Int
  /// Its score; positive supports the output.
  public let score: Double
}

/// The strongest items of one query.
public struct TopItems: Sendable, Equatable {
  /// Highest scores first; equal scores in the order of the items.
  public let supporters: [RankedItem]
  /// Lowest scores first; equal scores in the order of the items.
  public let opponents: [RankedItem]

  /// The first k of both.
  public func prefix(_ k: Int) -> TopItems {
    TopItems(supporters: Array(supporters.prefix(k)), opponents: Array(opponents.prefix(k)))
  }
}

/// Keeps the k best of a stream of scores.
///
/// What is kept does not depend on the order of the stream.
struct BestItems {
  /// Better is larger; of equal scores the earlier item.
  struct Entry: Comparable {
    let score: Double
    let item: Int
    static func < (a: Entry, b: Entry) -> Bool {
      a.score == b.score ? a.item > b.item : a.score < b.score
    }
  }

  let k: Int
  /// The score that a new item must reach to count; −∞ while there is room.
  private(set) var threshold: Double
  private var heap = Heap<Entry>()

  init(_ k: Int) {
    self.k = k
    threshold = k > 0 ? -.infinity : .infinity
  }

  mutating func insert(_ score: Double, _ item: Int) {
    let entry = Entry(score: score, item: item)
    if heap.count < k {
      heap.insert(entry)
    } else if let worst = heap.min, worst < entry {
      heap.replaceMin(with: entry)
    }
    if heap.count == k, let worst = heap.min { threshold = worst.score }
  }

  /// Best first.
  var sorted: [Entry] { heap.unordered.sorted(by: >) }
}

/// The best and the worst items of one query so far.
struct TopCollector {
  private(set) var supporters: BestItems
  private(set) var opponents: BestItems

  init(k: Int) {
    supporters = BestItems(k)
    opponents = BestItems(k)
  }

  /// Takes the scores of a row of items, `numbers[i]` being the item of score i.
  ///
  /// Piece by piece, so that what one piece holds raises the bar for the next. `places` is memory for
  /// one more than the row holds.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  mutating func take<Scalar: TensorScalar>(
    _ scores: UnsafePointer<Scalar>, numbers: UnsafeBufferPointer<Int>,
    places: UnsafeMutablePointer<Int32>
  ) {
    let pieces = Blocks(numbers.count, size: 256)
    for piece in 0..<pieces.number {
      let range = pieces[piece]
      let candidates = Scalar.findOutside(
        range.count, scores + range.lowerBound, low: -opponents.threshold,
        high: supporters.threshold, places)
      for candidate in 0..<candidates {
        let place = range.lowerBound + Int(places[candidate])
        let (score, number) = (Double(scores[place]), numbers[place])
        if score >= supporters.threshold { supporters.insert(score, number) }
        if -score >= opponents.threshold { opponents.insert(-score, number) }
      }
    }
  }

  /// Whether an item whose score is at most this far from zero could still count.
  func couldTake(_ bound: Double) -> Bool {
    bound >= supporters.threshold || bound >= opponents.threshold
  }

  var result: TopItems {
    TopItems(
      supporters: supporters.sorted.map { RankedItem(item: $0.item, score: $0.score) },
      opponents: opponents.sorted.map { RankedItem(item: $0.item, score: -$0.score) })
  }
}
