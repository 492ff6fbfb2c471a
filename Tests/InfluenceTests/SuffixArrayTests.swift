import Influence
import TensorCore
import Testing

/// What an index must find, looked for byte by byte.
private struct NaiveSearch {
  let documents: [[UInt8]]

  func places(of string: [UInt8]) -> [TextPlace] {
    documents.indices.flatMap { document -> [TextPlace] in
      let bytes = documents[document]
      guard !string.isEmpty, bytes.count >= string.count else { return [] }
      return (0...bytes.count - string.count).filter { start in
        string.indices.allSatisfy { bytes[start + $0] == string[$0] }
      }.map { TextPlace(document: document, bytes: $0..<$0 + string.count) }
    }
  }

  func longestMatch(of string: [UInt8]) -> Int {
    (0...string.count).last { $0 == 0 || !places(of: Array(string.prefix($0))).isEmpty } ?? 0
  }
}

@Suite("suffix array")
struct SuffixArrayTests {
  private func expectSame(_ documents: [[UInt8]], as queries: [[UInt8]]) throws {
    let index = try #require(SuffixArray(documents: documents))
    let naive = NaiveSearch(documents: documents)
    for query in queries {
      let places = naive.places(of: query)
      #expect(index.places(of: query) == places, "\(query) in \(documents)")
      if !query.isEmpty { #expect(index.count(of: query) == places.count) }
      #expect(index.longestMatch(of: query) == naive.longestMatch(of: query))
    }
  }

  @Test("finds every place, as a search byte by byte does, in random texts of few letters")
  func random() throws {
    var random = RandomStream(seed: 5, stream: 920)
    for trial in 0..<150 {
      let letters = 1 + trial % 4
      func text(_ most: Int) -> [UInt8] {
        (0..<random.nextInteger(below: most)).map { _ in
          UInt8(97 + random.nextInteger(below: letters))
        }
      }
      let documents = (0..<random.nextInteger(below: 5)).map { _ in text(40) }
      try expectSame(documents, as: (0..<12).map { _ in text(12) })
    }
  }

  @Test("in texts that repeat themselves") func repetitive() throws {
    let periods: [String] = ["a", "ab", "aab", "abab", "abcabd", "mississippi"]
    for period in periods {
      let text = Array(repeating: Array(period.utf8), count: 20).flatMap { $0 }
      let queries = (1..<9).flatMap { (length: Int) -> [[UInt8]] in
        [Array(text.prefix(length)), Array(text.suffix(length)), Array(text.prefix(length)) + [98]]
      }
      try expectSame([text], as: queries)
      try expectSame([text, Array(text.dropFirst()), text], as: queries)
    }
    // Fibonacci words have as few different parts as a text that never repeats can have.
    var (word, before) = (Array("ab".utf8), Array("a".utf8))
    for _ in 0..<7 { (word, before) = (word + before, word) }
    try expectSame([word], as: (0..<20).map { Array(word.dropFirst($0 * 3).prefix(7)) })
  }

  @Test("all byte values, in documents of any length") func bytes() throws {
    let all = (1...255).map { UInt8($0) }
    try expectSame(
      [all, all.reversed(), [], [255], [1], [1, 1]],
      as: [[255], [1], [255, 255], [254, 255], [1, 2, 3], [3, 2, 1], all, [128]])
  }

  @Test("no match goes from one document into the next, nor over a byte 0") func separation() throws
  {
    let index = try #require(
      SuffixArray(documents: [Array("one ab".utf8), Array("cd two".utf8), [97, 0, 98]]))
    #expect(index.longestMatch(of: Array("abcd".utf8)) == 2)
    #expect(index.places(of: Array("abcd".utf8)).isEmpty)
    #expect(index.places(of: [97, 0, 98]).isEmpty)
    #expect(index.longestMatch(of: [97, 0, 98]) == 1)
    #expect(index.places(of: Array("cd".utf8)) == [TextPlace(document: 1, bytes: 0..<2)])
    #expect(index.documentCount == 3 && index.byteCount == 15 && index.length(1) == 6)
  }

  @Test("nothing is found in nothing") func empty() throws {
    for documents: [[UInt8]] in [[], [[]], [[], []]] {
      let index = try #require(SuffixArray(documents: documents))
      #expect(index.longestMatch(of: [97]) == 0)
      #expect(index.places(of: [97]).isEmpty && index.count(of: [97]) == 0)
    }
  }
}
