import Influence
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("BM25")
struct BM25Tests {
  private func scores(
    _ query: String, _ passages: [String], k1: Double = 1.2, b: Double = 0.75
  ) -> [Double] {
    BM25(passages: passages.map { Array($0.utf8) }, k1: k1, b: b).scores(for: Array(query.utf8))
  }

  @Test("by hand") func byHand() {
    // Lengths 3, 1, 2 of mean 2; "cat" stands in the first twice and in the second once.
    let found = scores("Cat!", ["cat, CAT dog", "cat", "a fish"])
    let rarity = log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    let first = rarity * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 1.5))
    let second = rarity * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 0.5))
    #expect(abs(found[0] - first) < 1e-12 && abs(found[1] - second) < 1e-12 && found[2] == 0)
  }

  @Test("rare words count more, and words of the query as often as they stand there") func weights()
  {
    let passages = ["red blue", "red green", "red blue grey", "red"]
    #expect(scores("green", passages)[1] > scores("red", passages)[1])
    #expect(scores("green green", passages)[1] == 2 * scores("green", passages)[1])
  }

  @Test("letters beyond ASCII are part of words") func beyondASCII() {
    #expect(scores("être", ["être", "tre", "ê tre"]).map { $0 > 0 } == [true, false, false])
  }

  @Test("words in typographic quotes, beside dashes, in capitals and after a mark are the same")
  func typography() {
    let found = scores(
      "heron weir pebble",
      [
        "he said “heron” and ‘weir’ and a pebble—nothing else",
        "he said \"heron\" and 'weir' and a pebble-nothing else",
        "\u{feff}Heron WEIR pebble", "nothing of it",
      ])
    #expect(found[0] > 0 && found[0] == found[1] && found[2] > found[0] && found[3] == 0)
    #expect(scores("ПАРОМ", ["паром", "пар ом"]).map { $0 > 0 } == [true, false])
    #expect(scores("cafe\u{301}", ["café", "cafe"]).map { $0 > 0 } == [true, false])
  }

  @Test("no passages, no words, unknown words") func empty() {
    #expect(scores("a", []).isEmpty)
    #expect(scores("", ["a", ""]) == [0, 0])
    #expect(scores("b .", ["a", ""]) == [0, 0])
  }
}
