import Formats
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
    // The first ones do not depend on how many are wanted, in spaces of any size.
    for places in [2, 4, 5] {
      let space = try CanarySpace("x" + String(repeating: "#", count: places))
      let few = space.draw(6, seed: 2)
      for wanted in [50, 99, 60_000] {
        #expect(Array(space.draw(wanted, seed: 2).prefix(6)) == few)
      }
    }
    // Half of them in each half of the space: ±4 standard deviations.
    #expect((437...563).contains(drawn.count { $0 < large.count / 2 }))
  }

  @Test(
    "texts without a place, without a prompt, and with too many places are refused",
    arguments: ["", "no place", "#### first", "x" + String(repeating: "#", count: 19)])
  func refused(_ template: String) {
    #expect(throws: TrainingError.self) { try CanarySpace(template) }
  }

  private func trial(_ template: String) throws -> CanaryTrial {
    try CanaryTrial(
      CanarySpace(template), repetitions: [0, 200], each: 2, references: 20, seed: 3)
  }

  @Test("canaries do not depend on the references")
  func references() throws {
    let space = try CanarySpace("the code is ##")
    let trials = try [10, 30, 2_000].map {
      try CanaryTrial(space, repetitions: [1, 2], each: 3, references: $0, seed: 5)
    }
    #expect(trials.allSatisfy { $0.canaries == trials[0].canaries })
  }

  @Test("a folder that is called as that of the canaries is another one")
  func folder() throws {
    let trial = try trial("the code is ##")
    let own = TextFile(path: "(canaries)/3-1", bytes: Array("my own file".utf8))
    let files = trial.planted(in: [own])
    #expect(Set(files.map(\.path)).count == files.count && files.count == 1 + 400)
    #expect(files.contains { $0.path == "((canaries))/3-1" } && files.contains(own))
  }

  @Test("byte pairs are learnt without the canaries, and all texts are scored over the same bytes")
  func bytePairs() throws {
    // The space before a 1, and before "is", is joined with what follows it.
    let text = String(repeating: "it is 1 and this is 1 too. ", count: 40)
    let files = [TextFile(path: "a", bytes: Array(text.utf8))]
    let trial = try trial("the code is ####!")
    let learnt = try trial.vocabulary(.bytePairs(300), of: files)
    #expect(learnt == (try Vocabulary(.bytePairs(300), of: files)))
    #expect(learnt != (try Vocabulary(.bytePairs(300), of: trial.planted(in: files))))
    #expect(learnt.pieces.contains(Array(" 1".utf8)))
    let prompt = trial.promptBytes(learnt)
    #expect(prompt == "the code is".utf8.count)
    #expect(trial.promptBytes(.bytes) == "the code is ".utf8.count)
    // Digits that are joined with the space and those that are not: the prompt is the same tokens.
    let prompts = try [1_000, 7_000].map { number in
      let text = try learnt.encode(trial.space[number], name: "")
      #expect(text.offsets.contains(Int32(prompt)))
      return Array(text.tokens[..<text.tokens(of: prompt..<prompt + 1).lowerBound])
    }
    #expect(prompts[0] == prompts[1])
    // A secret that may be one token with all that stands before it cannot be prompted.
    #expect(throws: TrainingError.self) { try self.trial("x####").checkLength(learnt, context: 64) }
    try self.trial("x####").checkLength(.bytes, context: 64)
    let characters = try trial.vocabulary(.characters, of: files)
    #expect(throws: Never.self) { try characters.encode(trial.space[9_876], name: "") }
  }
}
