import Influence
import Reporting
import Testing

@Suite("the sentence about an account")
struct LedgerSentenceTests {
  private func sentence(
    _ items: [Double], ownClass: [Bool]? = nil, ownGroup: [Bool]? = nil
  ) -> String {
    LedgerStatistics(
      account: LedgerAccount(items: items, residual: 0), ownClass: ownClass, ownGroup: ownGroup
    ).sentence.split(separator: "\u{202f}").joined(separator: " ")
  }

  // 50 equal contributors of 1,500: 30 supporters, 20 opponents.
  private let many = (0..<1_500).map { $0 < 30 ? 1.0 : $0 < 50 ? -1 : 0 }

  @Test("an account with classes and groups") func usual() {
    #expect(
      sentence(
        many, ownClass: many.indices.map { $0 < 150 && $0 >= 33 },
        ownGroup: many.indices.map { $0 < 6 })
        == "What moved this output amounts to 50 equal contributors among 1 500 items; the strongest "
        + "holds 2 % of the gross, against 0.067 % if all were equal; the strongest 1 % (15 items) "
        + "hold 30 %; its own class holds 34 % and is 7.8 % of the items; its own group holds 12 % "
        + "and is 0.40 % of the items; 80 % of the gross cancels.")
  }

  @Test("without labels and groups nothing is said of them") func absent() {
    #expect(
      sentence(many)
        == "What moved this output amounts to 50 equal contributors among 1 500 items; the strongest "
        + "holds 2 % of the gross, against 0.067 % if all were equal; the strongest 1 % (15 items) "
        + "hold 30 %; 80 % of the gross cancels.")
  }

  @Test("a class of no item, of all items, that moved nothing") func classes() {
    let items = [1.0, -1, 0]
    #expect(
      sentence(items, ownClass: [false, false, false]).contains("; no item is of its own class; "))
    #expect(
      sentence(items, ownGroup: [true, true, true]).contains("; all items are of its own gro"))
    #expect(
      sentence(items, ownClass: [false, false, true])
        .contains("; its own class holds 0 % and is 33 % of the items; "))
  }

  @Test("up to a hundred items the strongest 1 % are the strongest") func few() {
    #expect(
      sentence([3, 1, 1])
        == "What moved this output amounts to 2.3 equal contributors among 3 items; the strongest "
        + "holds 60 % of the gross, against 33 % if all were equal; nothing cancels.")
  }

  @Test("one item, no item, no movement") func edges() {
    #expect(sentence([], ownClass: []) == "There are no training items.")
    #expect(sentence([-0.3]) == "The only training item holds all that moved this output.")
    #expect(sentence([0, 0], ownClass: [true, false]).hasPrefix("No training item moved"))
  }
}
