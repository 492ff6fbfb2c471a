import Reporting
import Testing

@Suite("Reports of very many outputs")
struct ManyOutputsTests {
  private func report(_ count: Int) -> ScoreReport {
    Sample.report((0..<count).map { .query(Sample.query([2, -1], id: "test:\($0)", k: 1)) })
  }

  @Test("text and the page end with a sentence, files for programs have all")
  func cut() {
    let (text, page) = (TerminalReport.mostOutputs, HTMLReport.mostOutputs)
    #expect(text < page)
    let report = report(page + 1)
    let shown = TerminalReport.render(report)
    #expect(shown.contains("test:\(text - 1) ") && !shown.contains("test:\(text) "))
    let all = HumanNumber.count(page + 1)
    #expect(shown.contains("Of \(all) outputs the first \(text) are shown;"))
    let html = HTMLReport.render(report)
    #expect(html.contains(">test:\(page - 1)<") && !html.contains(">test:\(page)<"))
    #expect(html.contains("Of \(all) outputs the first \(HumanNumber.count(page)) are shown;"))
    // The head counts all of them.
    let facts = shown.split(separator: "\n").filter { $0.contains("queries ") }
    #expect(facts.contains { $0.hasSuffix(" \(all)") } && html.contains(">\(all)<"))
    #expect(JSONLinesReport.render(report).contains("\"test:\(page)\""))
    #expect(CSVReport.render(report).contains("test:\(page)"))
  }

  @Test("what fits is shown as a whole, without a sentence")
  func whole() {
    let shown = TerminalReport.render(report(3))
    #expect(shown.contains("test:2 ") && !shown.contains("are shown"))
  }
}
