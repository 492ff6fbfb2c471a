import Influence
import Reporting
import Testing

@Suite("the sentence about the cocktail")
struct SentenceTests {
  private func sentence(_ scores: [Double]) -> String {
    Cocktail(scores).sentence.split(separator: "\u{202f}").joined(separator: " ")
  }

  @Test("some items among many") func usual() {
    // 50 equal contributors of 1,500; 20 against 30 leave a net of 10 of 50, so 80 % cancels.
    let scores = (0..<1_500).map { $0 < 30 ? 1.0 : $0 < 50 ? -1 : 0 }
    #expect(
      sentence(scores)
        == "What moved this output amounts to 50 equal contributors among 1 500 items; the strongest "
        + "holds 2 % of the gross, against 0.067 % if all were equal; 80 % of the gross cancels.")
  }

  @Test("one item, no item, no movement") func edges() {
    #expect(sentence([]) == "There are no training items.")
    #expect(
      sentence([0]) == "The only training item did not move this output: its score is zero.")
    #expect(sentence([-0.3]) == "The only training item holds all that moved this output.")
    #expect(sentence([0, 0, 0]) == "No training item moved this output: all 3 scores are zero.")
  }

  @Test("one among many is a single contributor, and nothing cancels") func single() {
    #expect(
      sentence([0, 0, 2, 0])
        == "What moved this output amounts to a single contributor among 4 items; the strongest "
        + "holds 100 % of the gross, against 25 % if all were equal; nothing cancels.")
  }

  @Test("few contributors have a decimal") func few() {
    #expect(sentence([3, 1, 1]).contains("amounts to 2.3 equal contributors among 3 items"))
    #expect(sentence([1, -1]).hasSuffix("100 % of the gross cancels."))
  }
}
