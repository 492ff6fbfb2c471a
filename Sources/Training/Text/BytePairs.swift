import Formats
import HeapModule

/// Two tokens that follow each other.
struct TokenPair: Hashable, Comparable, Sendable {
  let first: Int32
  let second: Int32

  static func < (a: TokenPair, b: TokenPair) -> Bool {
    (a.first, a.second) < (b.first, b.second)
  }
}

/// The parts of a text that no joined token crosses.
///
/// A part is a run of letters, digits and bytes beyond ASCII, or a run of other signs, either with the space
/// before it; or a run of white space, less the space before what follows. Longer runs are cut.
enum WordParts {
  /// The most bytes of a part, and so of a token.
  static let longest = 64

  private enum Class { case space, word, sign }

  private static let classes: [Class] = (0...UInt8.max).map { byte in
    switch byte {
    case 0x09...0x0d, 0x20: .space
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), 0x80...0xff:
      .word
    default: .sign
    }
  }

  /// Visits the parts, which joined are the text.
  static func forEach(of text: [UInt8], _ visit: (ArraySlice<UInt8>) -> Void) {
    var start = 0
    while start < text.count {
      var end = start
      // A space goes with what follows it.
      if text[start] == 0x20, start + 1 < text.count, classes[Int(text[start + 1])] != .space {
        end += 1
      }
      let kind = classes[Int(text[end])]
      while end < text.count, end - start < longest, classes[Int(text[end])] == kind { end += 1 }
      let isBeforeWord = kind == .space && end < text.count && classes[Int(text[end])] != .space
      if isBeforeWord, text[end - 1] == 0x20, end - start > 1 { end -= 1 }
      visit(text[start..<end])
      start = end
    }
  }
}

/// The pairs learnt from a corpus, one at a time: the most frequent one is joined wherever it stands.
///
/// Source: R. Sennrich, B. Haddow, A. Birch, "Neural machine translation of rare words with subword
/// units", ACL 2016, algorithm 1; here on bytes, with counts that are kept up to date.
struct BytePairLearner {
  private struct Candidate: Comparable {
    let count: Int
    let pair: TokenPair

    /// The more frequent one is greater, and of equally frequent ones the smaller pair.
    static func < (a: Candidate, b: Candidate) -> Bool {
      a.count != b.count ? a.count < b.count : a.pair > b.pair
    }
  }

  /// The different parts of the corpus as tokens.
  private var words: [[Int32]] = []
  /// How often each occurs.
  private var weights: [Int] = []
  private var counts: [TokenPair: Int] = [:]
  /// The words that a pair stands in, or stood in.
  private var places: [TokenPair: [Int]] = [:]
  private var candidates = Heap<Candidate>()

  init(_ texts: [[UInt8]]) {
    var numbers: [ArraySlice<UInt8>: Int] = [:]
    for text in texts {
      WordParts.forEach(of: text) { part in
        if let number = numbers[part] {
          weights[number] += 1
        } else {
          numbers[part] = words.count
          words.append(part.map(Int32.init))
          weights.append(1)
        }
      }
    }
    for word in words.indices {
      for pair in pairs(of: word) {
        counts[pair, default: 0] += weights[word]
        note(word, at: pair)
      }
    }
    candidates = Heap(counts.map { Candidate(count: $0.value, pair: $0.key) })
  }

  /// The first merges, fewer where no pair occurs twice any more.
  ///
  /// - Complexity: O(n log n) in the bytes of different words.
  mutating func merges(_ most: Int) -> [TokenPair] {
    var merges: [TokenPair] = []
    while merges.count < most, let best = candidates.popMax() {
      let current = counts[best.pair] ?? 0
      // Counts that fell since are entered again.
      guard best.count == current else {
        if current > 1, current < best.count {
          candidates.insert(Candidate(count: current, pair: best.pair))
        }
        continue
      }
      guard current > 1 else { break }
      join(best.pair, as: Int32(256 + merges.count))
      merges.append(best.pair)
    }
    return merges
  }

  private mutating func join(_ pair: TokenPair, as token: Int32) {
    var new: Set<TokenPair> = []
    for word in places.removeValue(forKey: pair) ?? [] {
      let joined = words[word].joining(pair, as: token)
      // It may have lost the pair to an earlier merge.
      guard joined.count < words[word].count else { continue }
      for old in pairs(of: word) { counts[old, default: 0] -= weights[word] }
      words[word] = joined
      for pair in pairs(of: word) {
        counts[pair, default: 0] += weights[word]
        guard pair.first == token || pair.second == token else { continue }
        note(word, at: pair)
        new.insert(pair)
      }
    }
    counts[pair] = nil
    for pair in new { candidates.insert(Candidate(count: counts[pair] ?? 0, pair: pair)) }
  }

  private func pairs(of word: Int) -> [TokenPair] { words[word].pairs }

  private mutating func note(_ word: Int, at pair: TokenPair) {
    if places[pair]?.last != word { places[pair, default: []].append(word) }
  }
}

/// Joins the pairs of a text in the order in which they were learnt.
struct BytePairEncoder: TokenEncoder {
  private let ranks: [TokenPair: Int32]

  init(_ merges: [TokenPair]) {
    ranks = Dictionary(uniqueKeysWithValues: merges.enumerated().map { ($1, Int32($0)) })
  }

  func tokens(_ text: [UInt8], name: String) throws(FormatError) -> [Int32] {
    try UTF8Text.check(text, name: name)
    var tokens: [Int32] = []
    // Words come again and again.
    var known: [ArraySlice<UInt8>: [Int32]] = [:]
    WordParts.forEach(of: text) { part in
      if let word = known[part] { return tokens += word }
      let word = self.word(part)
      known[part] = word
      tokens += word
    }
    return tokens
  }

  private func word(_ part: ArraySlice<UInt8>) -> [Int32] {
    var word = part.map(Int32.init)
    while true {
      var best: (rank: Int32, pair: TokenPair)?
      for pair in word.pairs {
        if let rank = ranks[pair], rank < best?.rank ?? .max { best = (rank, pair) }
      }
      guard let best else { return word }
      word = word.joining(best.pair, as: 256 + best.rank)
    }
  }
}

extension [Int32] {
  /// The tokens that follow each other.
  fileprivate var pairs: [TokenPair] {
    zip(self, dropFirst()).map { TokenPair(first: $0, second: $1) }
  }

  /// The tokens with a pair joined wherever it stands, from the left.
  fileprivate func joining(_ pair: TokenPair, as token: Int32) -> [Int32] {
    var joined: [Int32] = []
    joined.reserveCapacity(count)
    var place = 0
    while place < count {
      if place + 1 < count, self[place] == pair.first, self[place + 1] == pair.second {
        joined.append(token)
        place += 2
      } else {
        joined.append(self[place])
        place += 1
      }
    }
    return joined
  }
}
