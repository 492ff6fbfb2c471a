import Formats
import Influence
import Reporting
import Testing

@Suite("memorisation in every format")
struct MemorizationTests {
  private func estimate(_ value: Double) -> EstimatedDifference {
    EstimatedDifference(value: value, interval: value - 0.05...value + 0.04)
  }

  private func report(_ text: String = "digits") -> ScoreReport {
    typealias Entry = ScoreReport.Memorization.Entry
    var entries = [0.125, 0.75, 0.5, 0].enumerated().map { number, value in
      Entry(
        number: number, item: Sample.item(number == 1 ? text : "train:\(number)"),
        memorization: estimate(value), counterfactual: estimate(2 * value), accuracyInside: 1,
        accuracyOutside: 1 - value, selfInfluence: Double(number), ledgerShare: value / 10)
    }
    entries.append(Entry(number: 4, item: Sample.item("train:4"), accuracyInside: 1))
    return Sample.report(
      [
        .memorization(
          .init(
            models: 2_000, kept: 3, widths: (0.0912345, 0.05), entries: entries,
            pairs: [
              .init(
                InfluencePair(item: 1, test: 7, influence: estimate(0.625)),
                item: Sample.item(text), test: Sample.item("test:7"))
            ], shown: 2))
      ], items: 5, text: text)
  }

  @Test("people see the most memorised items, the pairs, and whether a cheaper score would do")
  func people() {
    for text in [
      TerminalReport.render(report(), style: .init(width: 200)), HTMLReport.render(report()),
    ] {
      for words in [
        "0.75 [0.70, 0.79]", "0.50 [0.45, 0.54]", "0.62 [0.57, 0.67]", "test:7",
        "Of 5 items, 2 are estimated to have a memorization of 0.25 or more",
        "The widest interval is 0.091 long, the median one 0.050.",
        "Whether a cheaper score would do", "self-influence", "ledger share",
      ] {
        #expect(text.contains(words), "\(words)")
      }
      // Two items are shown, the most memorised first.
      #expect(!text.contains("train:0") && text.contains("train:2"))
      #expect(!text.contains("There are no queries") && !text.contains("supports the output"))
    }
  }

  @Test("programs read every item and every digit")
  func programs() throws {
    let lines = try JSONLinesReport.results(report()).split(separator: "\n").map {
      try JSONValue(ByteSource(Array($0.utf8), name: "line"))
    }
    #expect(
      lines.map { $0["kind"]?.string }
        == ["memorization"] + Array(repeating: "item", count: 5) + ["influence"])
    #expect(lines[0]["widestInterval"]?.double == 0.0912345 && lines[0]["models"] == .number(2_000))
    #expect(lines[2]["memorization"]?["low"]?.double == 0.7)
    #expect(lines[5]["memorization"] == .null && lines[5]["accuracyOutside"] == .null)
    #expect(lines[6]["test"] == .number(7) && lines[6]["influence"]?["value"]?.double == 0.625)
    let table = try parseCSV(CSVReport.render(report()))
    #expect(table.count == 6 && table.allSatisfy { $0.count == table[0].count })
    #expect(table[2].prefix(7) == ["1", "digits", "4", "", "0.75", "0.7", "0.79"])
    #expect(table[5][4] == "")
  }

  @Test("rank correlations are those of the items that have both scores")
  func agreements() throws {
    let part = try #require(report().memorizations.first)
    let found = Dictionary(
      uniqueKeysWithValues: part.agreements.map { ("\($0.score) \($0.other)", $0.spearman) })
    #expect(found["memorization ledger share"] == 1)
    // Ranks 2 4 3 1 against 1 2 3 4.
    let cheap = try #require(found["memorization self-influence"] ?? nil)
    #expect(abs(cheap + 0.4) < 1e-12)
    #expect(found["memorization counterfactual"] == 1)
    var bare = part
    for number in bare.entries.indices { bare.entries[number].ledgerShare = nil }
    #expect(!bare.agreements.contains { $0.other == "ledger share" })
    #expect(!TerminalReport.render(Sample.report([.memorization(bare)])).contains("ledger share"))
  }

  @Test("texts of foreign data do no harm, and unknown numbers have no words")
  func hostile() throws {
    let html = HTMLReport.render(report(Sample.hostile))
    #expect(!html.contains("<script>alert"))
    let terminal = TerminalReport.render(report(Sample.hostile))
    #expect(!terminal.contains("\u{1b}"))
    let nothing = ScoreReport.Memorization(
      models: 2, kept: 1, widths: (.infinity, .infinity),
      entries: [.init(number: 0, item: Sample.item("train:0"))], pairs: nil, shown: 5)
    for format in ReportRegistry.all {
      let text = format.render(Sample.report([.memorization(nothing)], items: 1))
      #expect(!text.contains(/\b(nan|inf)\b/), "\(format.name)")
    }
  }
}
