import Influence
import TensorCore
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("verbatim matches")
struct VerbatimMatchTests {
  private func matches(
    _ output: String, in documents: [String], shortest: Int = 1
  ) throws -> [VerbatimMatch] {
    let index = try #require(SuffixArray(documents: documents.map { Array($0.utf8) }))
    return index.longestMatches(
      in: Array(output.utf8), shortest: shortest, model: SurpriseModel(index))
  }

  @Test("each is as long as can be, with all its places") func longest() throws {
    let found = try matches(
      "xx the old house by the sea", in: ["in the old house", "an old house by the lake, the sea"],
      shortest: 6)
    #expect(found.map(\.bytes) == [2..<16, 6..<24, 19..<27])
    #expect(found[0].places == [TextPlace(document: 0, bytes: 2..<16)])
    #expect(found[1].places == [TextPlace(document: 1, bytes: 2..<20)])
    #expect(found[2].places == [TextPlace(document: 1, bytes: 25..<33)])
  }

  @Test("they begin and end with whole characters") func characters() throws {
    // é and è share their first byte, and é has bytes that begin no character.
    #expect(try matches("é", in: ["è"]).isEmpty)
    let found = try matches("aé", in: ["aè", "é"])
    #expect(found.map(\.bytes) == [0..<1, 1..<3])
  }

  @Test("as a search from every position finds them") func property() throws {
    var random = RandomStream(seed: 6, stream: 921)
    for _ in 0..<60 {
      func text(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(97 + random.nextInteger(below: 3)) }
      }
      let documents = [text(30), text(30)]
      let output = text(25)
      let shortest = 1 + random.nextInteger(below: 5)
      func occurs(_ range: Range<Int>) -> Bool {
        documents.contains { document in
          document.indices.contains { document[$0...].starts(with: output[range]) }
        }
      }
      let all = output.indices.flatMap { start in
        (start + 1...output.count).map { start..<$0 }.filter(occurs)
      }
      let maximal = all.filter { range in
        range.count >= shortest
          && !all.contains {
            $0 != range && $0.lowerBound <= range.lowerBound && $0.upperBound >= range.upperBound
          }
      }
      let index = try #require(SuffixArray(documents: documents))
      let found = index.longestMatches(
        in: output, shortest: shortest, model: SurpriseModel(index))
      #expect(found.map(\.bytes) == maximal)
    }
  }
}

@Suite("the surprise of a match")
struct SurpriseTests {
  private func surprise(
    _ string: String, in documents: [String], order: Int = 3, concentration: Double = 4
  ) throws -> Surprise {
    let index = try #require(SuffixArray(documents: documents.map { Array($0.utf8) }))
    return SurpriseModel(index, order: order, concentration: concentration)
      .surprise(of: Array(string.utf8))
  }

  @Test("by hand: order 1 over six bytes") func byHand() throws {
    // "ca" stands nowhere in "abab", "bb". P(c) = (0 + 2/256) / (6 + 2),
    // P(a) = (2 + 2/256) / 8, P(a|c) = (0 + 2 P(a)) / (0 + 2).
    let p = (2.0 / 256 / 8) * ((2 + 2.0 / 256) / 8)
    let found = try surprise("ca", in: ["abab", "bb"], order: 1, concentration: 2)
    #expect(abs(found.bits + log2(p)) < 1e-12)
    // Two bytes fit three times into the first document and once into the second.
    #expect(abs(found.expectedOccurrences / (4 * p) - 1) < 1e-12)
  }

  @Test("by hand: what stands there is judged without one of its occurrences") func leftOut() throws
  {
    // "ab" in "abab": without one "ab" there are a, b and ab once each, of four - two bytes.
    let pB = (1 + 2.0 / 256) / 4
    let p = pB * ((1 + 2 * pB) / (1 + 2))
    let found = try surprise("ab", in: ["abab"], order: 1, concentration: 2)
    #expect(abs(found.bits + log2(p)) < 1e-12)
  }

  @Test("probabilities of what may follow sum to one") func normalized() throws {
    let documents = ["the cat sat on the mat", "a hat"].map { Array($0.utf8) }
    let index = try #require(SuffixArray(documents: documents))
    let model = SurpriseModel(index)
    // After a byte that is unknown any of the 27 bytes may follow, or any other but 0.
    let before = model.surprise(of: [120]).bits
    let total = (1...255).reduce(0.0) { sum, byte in
      sum + exp2(before - model.surprise(of: [120, UInt8(byte)]).bits)
    }
    #expect(abs(total - (27 + 4 * 255.0 / 256) / 31) < 1e-12)
  }

  @Test("a phrase that stands everywhere says little, a name that stands once says much")
  func telling() throws {
    let common = "all rights reserved. "
    let filler = (0..<40).map { "\(common)clause \($0): the work and the copies of the work. " }
    let name = "zyqa brimblewick"
    let documents = filler + ["written by \(name) in a year."]
    let phrase = try surprise(String(common.prefix(name.count)), in: documents)
    let unique = try surprise(name, in: documents)
    #expect(phrase.bits < 20)
    #expect(unique.bits > 80)
    #expect(phrase.expectedOccurrences > 1e-3 && unique.expectedOccurrences < 1e-15)
  }

  @Test("longer is more surprising") func monotone() throws {
    let text = "it was the best of times, it was the worst of times"
    let bits = try (1...40).map { try surprise(String(text.prefix($0)), in: [text, text]).bits }
    #expect(zip(bits, bits.dropFirst()).allSatisfy { $0 < $1 })
    #expect(try surprise("", in: [text]).bits == 0)
  }
}
