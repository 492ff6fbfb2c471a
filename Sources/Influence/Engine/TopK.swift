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
///
/// Fewer than were asked for where fewer have the sign: an item whose score is zero is neither.
public struct TopItems: Sendable, Equatable {
  /// Scores above zero, the highest first; equal scores in the order of the items.
  public let supporters: [RankedItem]
  /// Scores below zero, the lowest first; equal scores in the order of the items.
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

  /// Those above zero, the best first.
  var positive: [Entry] { heap.unordered.filter { $0.score > 0 }.sorted(by: >) }
}

/// One thread's memory for picking candidates out of scores.
struct CandidateMemory {
  /// Scores looked at together: few, so that the thresholds tighten in between.
  static let stretch = 256
  let places = AlignedBuffer<Int32>(stretch + 1, filledWith: 0)
  let values = AlignedBuffer<Double>(stretch + 1, filledWith: 0)
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
  mutating func take<Scalar: TensorScalar>(
    _ scores: UnsafePointer<Scalar>, numbers: UnsafeBufferPointer<Int>, _ memory: CandidateMemory
  ) {
    let stretches = Blocks(numbers.count, size: CandidateMemory.stretch)
    for stretch in 0..<stretches.number {
      let part = stretches[stretch]
      let candidates = Scalar.findOutside(
        part.count, scores + part.lowerBound, low: -opponents.threshold,
        high: supporters.threshold, memory.places.base, memory.values.base)
      for candidate in 0..<candidates {
        let score = memory.values.base[candidate]
        let number = numbers[part.lowerBound + Int(memory.places.base[candidate])]
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
      supporters: supporters.positive.map { RankedItem(item: $0.item, score: $0.score) },
      opponents: opponents.positive.map { RankedItem(item: $0.item, score: -$0.score) })
  }
}
