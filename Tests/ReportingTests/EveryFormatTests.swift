import Formats
import Influence
import Reporting
import Testing

@Suite("every format")
struct EveryFormatTests {
  @Test("names and endings are unique, and the ending chooses") func registry() {
    let formats = ReportRegistry.all
    #expect(Set(formats.map(\.name)).count == formats.count)
    #expect(Set(formats.map(\.fileExtension)).count == formats.count)
    for format in formats {
      #expect(ReportRegistry.format(forPath: "a/b.\(format.fileExtension)")?.name == format.name)
      #expect(format.summary.count < 80 && !format.summary.contains("\n"))
    }
    #expect(ReportRegistry.format(forPath: "a.HTML")?.name == "html")
    #expect(ReportRegistry.format(forPath: "html") == nil)
    #expect(ReportRegistry.format(forPath: "report.pdf") == nil)
  }

  @Test("a report with nothing in it is still a report", arguments: ReportRegistry.all.map(\.name))
  func empty(_ name: String) throws {
    let format = try #require(ReportRegistry.all.first { $0.name == name })
    let nothing = Sample.query([])
    let evaluation = ScoreReport.Evaluation(
      metric: "lds", summary: "", queryCount: 0, trials: [], methods: [])
    for sections in [[], [.query(nothing)], [.receipts([])], [.evaluation(evaluation)]]
      as [[ScoreReport.Section]]
    {
      let text = format.render(Sample.report(sections, items: 0))
      #expect(text.utf8.last == UInt8(ascii: "\n"))
      #expect(!text.contains(/\b(nan|inf)\b/))
    }
  }

  @Test("zeros neither support nor oppose") func zeros() {
    let report = Sample.report([.query(Sample.query([0, 0, 0]))], items: 3)
    for text in [TerminalReport.render(report), HTMLReport.render(report)] {
      #expect(text.contains("all 3 scores are zero"))
      #expect(!text.contains("train:"))
    }
  }

  @Test("an item that supports is not listed among the opponents") func onlySupporters() {
    let report = Sample.report([.query(Sample.query([3, 2, 1], k: 3))], items: 3)
    let text = TerminalReport.render(report)
    #expect(text.components("train:0") == 1)
    #expect(HTMLReport.render(report).contains("<h3>Opponents</h3>\n<p class=\"quiet\">None.</p>"))
  }

  @Test("ties keep the order of the items in every format") func ties() {
    let report = Sample.report([.query(Sample.query([1, 1, 1, 1], k: 4))], items: 4)
    for format in ReportRegistry.all {
      let text = format.render(report)
      let places = (0..<4).compactMap { text.firstRange(of: "train:\($0)")?.lowerBound }
      #expect(places.count == 4 && places == places.sorted(), "\(format.name)")
    }
  }
}

extension String {
  /// How often a text occurs.
  fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
