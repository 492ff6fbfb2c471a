import Foundation
import Influence
import Testing
import Training

@Suite("Spaces of canaries")
struct CanarySpaceTests {
  @Test("every text of a space once")
  func all() throws {
    let space = try CanarySpace("code #@!")
    #expect(space.count == 260 && abs(space.bits - log2(260)) < 1e-12)
    #expect(space.promptBytes == 5)
    let texts = (0..<260).map { String(decoding: space[$0], as: UTF8.self) }
    #expect(Set(texts).count == 260)
    #expect(texts.allSatisfy { $0.wholeMatch(of: /code [0-9][a-z]!/) != nil })
    #expect(texts[0] == "code 0a!" && texts[259] == "code 9z!")
    #expect(Set(space.alphabet).isSuperset(of: texts[77].utf8))
  }

  @Test("draws are different texts, repeat by seed, and end with the space")
  func draws() throws {
    let small = try CanarySpace("x#")
    #expect(small.draw(10, seed: 1).sorted() == Array(0..<10))
    #expect(small.draw(99, seed: 1).count == 10)
    let large = try CanarySpace("x" + String(repeating: "#", count: 18))
    #expect(large.count == 1_000_000_000_000_000_000)
    let drawn = large.draw(1_000, seed: 4)
    #expect(Set(drawn).count == 1_000 && large.draw(1_000, seed: 4) == drawn)
    #expect(Array(large.draw(1_200, seed: 4).prefix(1_000)) == drawn)
    #expect(large.draw(10, seed: 5) != Array(drawn.prefix(10)))
    // Half of them in each half of the space: ±4 standard deviations.
    #expect((437...563).contains(drawn.count { $0 < large.count / 2 }))
  }

  @Test(
    "texts without a place, without a prompt, and with too many places are refused",
    arguments: ["", "no place", "#### first", "x" + String(repeating: "#", count: 19)])
  func refused(_ template: String) {
    #expect(throws: TrainingError.self) { try CanarySpace(template) }
  }
}
