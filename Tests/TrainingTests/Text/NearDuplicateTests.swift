import TensorCore
import Testing
import Training

@Suite("near copies of texts")
struct NearDuplicateTests {
  /// Words that sound like words: two shingles fall together by copying alone.
  private static func words(_ count: Int, _ stream: inout RandomStream) -> [String] {
    (0..<count).map { _ in
      (0..<2 + stream.nextInteger(below: 3)).map { _ in
        ["ka", "lo", "mi", "ru", "se", "ta", "vo", "nu", "pe", "dri"][stream.nextInteger(below: 10)]
      }.joined()
    }
  }

  /// The similarity by its definition, on sets of strings.
  private static func jaccard(_ a: String, _ b: String) -> Double {
    func shingles(_ text: String) -> Set<String> {
      let bytes = Array(text.utf8)
      return Set((0...bytes.count - 8).map { String(decoding: bytes[$0..<$0 + 8], as: UTF8.self) })
    }
    let (x, y) = (shingles(a), shingles(b))
    return Double(x.intersection(y).count) / Double(x.union(y).count)
  }

  /// Pairs of a text and a copy with some words changed.
  private static func pairs(_ count: Int, changes: ClosedRange<Int>) -> [(String, String)] {
    var stream = RandomStream(seed: 4, stream: 9_100)
    return (0..<count).map { _ in
      let text = words(30, &stream)
      var copy = text
      for _ in 0..<changes.lowerBound + stream.nextInteger(below: changes.count) {
        copy[stream.nextInteger(below: copy.count)] = words(1, &stream)[0]
      }
      return (text.joined(separator: " "), copy.joined(separator: " "))
    }
  }

  @Test("the similarity is the Jaccard index of eight-byte sequences") func similarity() {
    for (a, b) in Self.pairs(40, changes: 0...12) {
      let found = NearDuplicates.similarity(Array(a.utf8), Array(b.utf8))
      #expect(abs(found - Self.jaccard(a, b)) < 1e-12)
    }
  }

  @Test("of long texts it is estimated within four standard errors") func longTexts() {
    var stream = RandomStream(seed: 6, stream: 9_100)
    for changed in [0, 20, 60] {
      let text = Self.words(900, &stream)
      var copy = text
      for place in 0..<changed { copy[place * 15] = Self.words(1, &stream)[0] }
      let (a, b) = (text.joined(separator: " "), copy.joined(separator: " "))
      let found = NearDuplicates.similarity(Array(a.utf8), Array(b.utf8))
      #expect(abs(found - Self.jaccard(a, b)) < 4 * 0.016)
    }
  }

  @Test("case and the wrapping of lines do not count") func normalization() {
    let a = Array("The quick brown fox\njumps over the lazy dog".utf8)
    let b = Array("  the QUICK brown fox jumps\n\n\tover the lazy dog".utf8)
    #expect(NearDuplicates.similarity(a, b) == 1)
    #expect(NearDuplicates.similarity(Array("abc".utf8), Array("abd".utf8)) == 0)
    #expect(NearDuplicates.similarity([], []) == 1)
  }

  @Test("nor do typography, and the case of other scripts, and groups follow") func otherScripts() {
    let texts = [
      "the ferry's left \"the quay\" at seven - and nobody had seen the captain",
      "\u{feff}The ferry’s left\u{a0}“the quay” at seven — and nobody had seen the cap\u{ad}tain",
      "паром отошел от причала в семь и никто не видел капитана",
      "ПАРОМ ОТОШЕЛ ОТ ПРИЧАЛА В СЕМЬ И НИКТО НЕ ВИДЕЛ КАПИТАНА",
    ].map { Array($0.utf8) }
    #expect(NearDuplicates.similarity(texts[0], texts[1]) == 1)
    #expect(NearDuplicates.similarity(texts[2], texts[3]) == 1)
    #expect(NearDuplicates().groups(of: texts.map { $0[...] }) == [0, 0, 2, 2])
    #expect(NearDuplicates.exactGroups(of: texts.map { $0[...] }) == [0, 1, 2, 3])
  }

  @Test("the recall is that of the bands, and nothing below the threshold is joined")
  func recall() {
    // 24 bands of 4 find a pair of similarity 0.6 with 1 − (1 − 0.6⁴)²⁴ = 0.964, of 0.7 with 0.998.
    let threshold = 0.6
    let pairs = Self.pairs(300, changes: 1...8)
    let search = NearDuplicates(threshold: threshold)
    var (expected, found, wrong, total) = (0.0, 0, 0, 0)
    for (a, b) in pairs {
      let similarity = Self.jaccard(a, b)
      let groups = search.groups(of: [Array(a.utf8)[...], Array(b.utf8)[...]])
      let isJoined = groups[0] == groups[1]
      if similarity >= threshold {
        total += 1
        found += isJoined ? 1 : 0
        var miss = 1.0
        for _ in 0..<24 { miss *= 1 - similarity * similarity * similarity * similarity }
        expected += 1 - miss
      } else {
        wrong += isJoined ? 1 : 0
      }
    }
    #expect(wrong == 0)
    #expect(total > 150)
    // Five standard deviations of so many trials.
    let deviation = (expected * (1 - expected / Double(total))).squareRoot()
    #expect(Double(found) > expected - 5 * deviation - 1)
    #expect(Double(found) / Double(total) > 0.95)
  }

  @Test("all near copies among many texts are found, as by comparing all pairs") func bruteForce() {
    var stream = RandomStream(seed: 7, stream: 9_100)
    var texts: [[String]] = []
    for _ in 0..<25 {
      let text = Self.words(25, &stream)
      texts.append(text)
      for changes in 0..<stream.nextInteger(below: 4) {
        var copy = text
        for _ in 0..<changes { copy[stream.nextInteger(below: 25)] = Self.words(1, &stream)[0] }
        texts.append(copy)
      }
    }
    let lines = texts.map { $0.joined(separator: " ") }
    // Groups by the definition: what pairs of 0.8 or more connect, each known by its first member.
    var expected = Array(lines.indices)
    for i in lines.indices {
      for j in 0..<i where Self.jaccard(lines[i], lines[j]) >= 0.8 {
        let (a, b) = (expected[i], expected[j])
        expected = expected.map { $0 == max(a, b) ? min(a, b) : $0 }
      }
    }
    let groups = NearDuplicates(threshold: 0.8).groups(of: lines.map { Array($0.utf8)[...] })
    #expect(groups == expected)
    #expect(Set(groups).count < lines.count)
  }

  @Test("thousands of copies, and of texts with a band in common, take no square of time")
  func manyAlike() {
    var stream = RandomStream(seed: 8, stream: 9_100)
    let form = Self.words(12, &stream).joined(separator: " ")
    let lines = (0..<600).map { _ in
      Array((form + " " + Self.words(4, &stream).joined(separator: " ")).utf8)[...]
    }
    let copies = Array(repeating: lines[0], count: 2_000)
    let groups = NearDuplicates(threshold: 0.95).groups(of: lines + copies)
    #expect(groups.suffix(2_000).allSatisfy { $0 == 0 })
    #expect(groups[1] == 1)
    #expect(NearDuplicates.exactGroups(of: lines + copies).suffix(2_000).allSatisfy { $0 == 0 })
  }
}
