import Reporting
import Testing

@Suite("reports on a terminal")
struct TerminalReportTests {
  @Test("columns stand in line, also beside wide characters") func columns() throws {
    let ids = ["train:1", "train:1234", "列車:2", "é:3"]
    let query = Sample.query([4, 3, -2, -1], k: 2, item: { Sample.item(ids[$0], "\($0)") })
    let lines = TerminalReport.render(Sample.report([.query(query)], items: 4))
      .split(separator: "\n").map(String.init)
    let start = try #require(lines.firstIndex { $0.contains("supporters") && $0.contains("score") })
    #expect(
      Array(lines[start...start + 2]) == [
        "     supporters  label  score  opponents  label  score",
        "  1  train:1     0      +4.00  列車:2     2      −2.00",
        "  2  train:1234  1      +3.00  é:3        3      −1.00",
      ])
  }

  @Test("hostile text moves no cursor and breaks no line") func hostile() {
    let item = ScoreReport.Item(id: Sample.hostile, label: Sample.hostile)
    let quiet = TerminalReport.render(Sample.report([.query(Sample.query([1]))]))
    let text = TerminalReport.render(
      Sample.report(
        [.query(Sample.query([1], item: { _ in item }))], text: Sample.hostile))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == quiet.split(separator: "\n", omittingEmptySubsequences: false).count)
    for scalar in text.unicodeScalars where scalar != "\n" {
      #expect(scalar.properties.generalCategory != .control)
      #expect(scalar.properties.generalCategory != .format)
    }
  }

  @Test("colour only where the style says so, and no different text") func color() {
    let report = Sample.report([.query(Sample.query([1, -1]))], notes: ["be careful"])
    let plain = TerminalReport.render(report)
    let colored = TerminalReport.render(report, style: .init(usesColor: true))
    #expect(!plain.contains("\u{1b}"))
    #expect(colored.contains("\u{1b}[34m+1.00\u{1b}[0m"))
    #expect(colored.contains("\u{1b}[33m−1.00\u{1b}[0m"))
    let bare = colored.replacing(/\u{1b}\[[0-9]+m/, with: "")
    #expect(bare == plain)
  }

  @Test("sentences are broken at the width") func width() {
    let report = Sample.report([.query(Sample.query([1, -1]))], notes: ["a b c d e f g h i j"])
    let narrow = TerminalReport.render(report, style: .init(width: 12))
    #expect(narrow.contains("  Note: a b\n  c d e f g\n  h i j\n"))
  }

  @Test("receipts show both numbers and how often the sign was right") func receipts() {
    let receipts = [(0.2, 0.1), (-0.5, 0.3)].map {
      ScoreReport.Receipt(
        query: "test:3", removed: "train:1", predictions: [.init("tracin", $0.0)], actual: $0.1,
        unit: "nats")
    }
    let text = TerminalReport.render(Sample.report([.receipts(receipts)]))
    #expect(text.contains("  test:3  train:1  +0.100     +0.200\n"))
    #expect(text.contains("  test:3  train:1  +0.300     −0.500\n  Changes in nats.\n"))
    #expect(text.contains("The sign was foreseen in 1 of 2."))
  }
}
