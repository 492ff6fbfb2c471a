import Training

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Passages ranked by the words that they share with a query: what a search engine would answer.
///
/// The score of a passage is Σ over the query's words w, as often as they stand there, of
///
///     log(1 + (N − n_w + ½) / (n_w + ½)) · f (k₁ + 1) / (f + k₁ (1 − b + b ℓ / ℓ̄))
///
/// with f the occurrences of w in the passage, n_w the passages that contain it, ℓ the words of the
/// passage and ℓ̄ their mean (Robertson and Zaragoza 2009, "The probabilistic relevance framework").
/// It has no unit, and it knows nothing of the model.
public struct BM25: Sendable {
  /// How soon more occurrences of a word add no more.
  public let k1: Double
  /// How far long passages are discounted, from 0 to 1.
  public let b: Double
  private let lengths: [Int]
  private let meanLength: Double
  /// For each word the passages that contain it, ascending, and how often.
  private let postings: [ArraySlice<UInt8>: [(passage: Int, count: Int)]]

  /// Indexes passages by their words.
  ///
  /// - Complexity: O(n) for n bytes.
  public init(passages: some Sequence<[UInt8]>, k1: Double = 1.2, b: Double = 0.75) {
    self.k1 = k1
    self.b = b
    var lengths: [Int] = []
    var postings: [ArraySlice<UInt8>: [(passage: Int, count: Int)]] = [:]
    for (number, passage) in passages.enumerated() {
      let counts = Self.wordCounts(passage)
      lengths.append(counts.values.reduce(0, +))
      for (word, count) in counts { postings[word, default: []].append((number, count)) }
    }
    self.lengths = lengths
    meanLength = Double(lengths.reduce(0, +)) / Double(max(lengths.count, 1))
    self.postings = postings
  }

  /// The score of each passage for a query, `[N]`.
  public func scores(for query: [UInt8]) -> [Double] {
    var scores = [Double](repeating: 0, count: lengths.count)
    // One order of words, so that sums round the same way each time.
    let words = Self.wordCounts(query).sorted { $0.key.lexicographicallyPrecedes($1.key) }
    for (word, times) in words {
      guard let found = postings[word] else { continue }
      let (all, holders) = (Double(lengths.count), Double(found.count))
      let rarity = log(1 + (all - holders + 0.5) / (holders + 0.5))
      for (passage, count) in found {
        let frequency = Double(count)
        let length = Double(lengths[passage]) / meanLength
        scores[passage] +=
          Double(times) * rarity * frequency * (k1 + 1)
          / (frequency + k1 * (1 - b + b * length))
      }
    }
    return scores
  }

  /// The words of a text's normal form with how often each occurs.
  static func wordCounts(_ text: [UInt8]) -> [ArraySlice<UInt8>: Int] {
    var counts: [ArraySlice<UInt8>: Int] = [:]
    for word in NormalForm.words(of: text[...]) { counts[word, default: 0] += 1 }
    return counts
  }
}
