import Formats
import Influence
import Reporting
import Testing

@Suite("traces")
struct TraceTests {
  private func page(_ traced: ScoreReport.TracedText) -> PageReader {
    PageReader(HTMLReport.render(Sample.report([.trace(traced)])))
  }

  @Test("the page is well-formed, links find their target, and names are given once")
  func navigation() throws {
    for unit in TraceUnit.allCases {
      let page = page(try Sample.trace(unit: unit))
      #expect(page.failure == nil)
      let names = page.elements.compactMap { $0.attributes["id"] }
      #expect(Set(names).count == names.count)
      let links = page.elements.compactMap { $0.attributes["href"] }
      for link in links { #expect(names.contains(String(link.dropFirst())), "\(link)") }
      for label in page.elements.compactMap({ $0.attributes["aria-labelledby"] }) {
        #expect(names.contains(label), "\(label)")
      }
      // Each of the 14 predicted tokens can be chosen.
      let tokens = page.all("a").filter { $0["class"]?.hasPrefix("token") ?? false }
      #expect(tokens.count == 14)
      #expect(Set(tokens.compactMap { $0["href"] }).count == (unit == .token ? 14 : 2))
    }
  }

  @Test("nobody's text becomes markup") func hostile() throws {
    let page = page(try Sample.trace(Sample.hostile, path: Sample.hostile))
    #expect(page.failure == nil)
    #expect(page.all("script").isEmpty && page.all("b").isEmpty)
    #expect(page.text.contains("one <b>two</b> three"))
    for (name, attributes) in page.elements {
      #expect(attributes.keys.allSatisfy { !$0.hasPrefix("on") && $0 != "style" }, "\(name)")
    }
    for scalar in page.text.unicodeScalars where scalar != "\n" {
      #expect(scalar.properties.generalCategory != .control)
    }
  }

  @Test("what a passage shares with the span is marked, and nothing else") func marks() throws {
    let html = HTMLReport.render(Sample.report([.trace(try Sample.trace())]))
    #expect(html.ranges(of: "<mark>the old mill</mark>").count == 2)
    #expect(html.ranges(of: "<mark>").count == 2)
  }

  @Test("concentrated tokens are darker than diluted ones, and verdicts have their line")
  func shades() throws {
    let tokens = page(try Sample.trace(unit: .token)).all("a").compactMap { $0["class"] }
      .filter { $0.hasPrefix("token") }
    // 3, 1 and 0.5 are as concentrated as 1.98 equal ones.
    #expect(tokens.first == "token shade-5 copied-elsewhere")
    #expect(tokens.last == "token shade-5 neither")
  }

  @Test("what the verdicts rest on is what was done: controls, or retrainings at all")
  func criteria() throws {
    func text(_ traced: ScoreReport.TracedText) -> String {
      TerminalReport.render(Sample.report([.trace(traced)]), style: .init(width: 1000))
    }
    let controls = "times as far as leaving out as many other passages"
    #expect(text(try Sample.trace()).contains(controls))
    let without = text(try Sample.trace(hasControls: false))
    #expect(without.contains("lowers log p by at least 3.00 nats. Copied and caused"), "\(without)")
    #expect(!without.contains("other passages"))
    #expect(!text(try Sample.trace(verdict: nil)).contains("Caused: "))
  }

  @Test("the report says that one copy matters little and all of them much") func copies() throws {
    let traced = try Sample.trace()
    for text in [
      TerminalReport.render(Sample.report([.trace(traced)]), style: .init(width: 1_000)),
      page(traced).text,
    ] {
      #expect(text.contains("copied but available elsewhere"))
      #expect(text.contains("Without book-2 alone it falls by 0.200 nats"))
      #expect(text.contains("other copies carry it"))
      #expect(
        text.contains("Without all 2 copies it falls by 40.0 nats"))
    }
  }

  @Test("every verdict has its words", arguments: Verdict.allCases) func verdicts(
    _ verdict: Verdict
  )
    throws
  {
    let text = TerminalReport.render(
      Sample.report([.trace(try Sample.trace(verdict: verdict))]), style: .init(width: 1_000))
    #expect(text.contains("Span 1  \(verdict.rawValue)"))
    #expect(text.contains("Of the 14 predicted bytes, "))
    #expect(text.contains("86\u{202f}% \(verdict.rawValue)") || verdict == .neither)
  }

  @Test("without retraining there is no verdict") func untrained() throws {
    let report = Sample.report([.trace(try Sample.trace(verdict: nil))])
    let text = TerminalReport.render(report, style: .init(width: 1_000))
    #expect(text.contains("Nothing was trained again, so there is no verdict"))
    #expect(!text.contains("Without"))
    let lines = try JSONLinesReport.results(report).split(separator: "\n").map {
      try JSONValue(ByteSource(Array($0.utf8), name: "line"))
    }
    #expect(lines.count == 3)
    #expect(lines[1]["verdict"] == .null)
  }

  @Test("programs get every number") func json() throws {
    let lines = try JSONLinesReport.results(Sample.report([.trace(try Sample.trace())]))
      .split(separator: "\n").map { try JSONValue(ByteSource(Array($0.utf8), name: "line")) }
    #expect(lines.map { $0["kind"] } == ["trace", "trace-span", "trace-span"].map { .string($0) })
    #expect(lines[0]["output"] == .string("the old mill!!"))
    #expect(lines[1]["verdict"] == .string("copied but available elsewhere"))
    guard case .array(let outcomes) = lines[1]["counterfactuals"] else {
      Issue.record("no counterfactuals")
      return
    }
    #expect(outcomes.count == 3)
    #expect(outcomes[1]["change"] == .number(-40.0) && outcomes[1]["logRatio"] == .number(40.0))
    #expect(outcomes[1]["predicted"]?["credit"] == .number(-44.0))
    #expect(outcomes[1]["predicted"]?["marginal"] == .number(-11.0))
  }

  @Test("a table has a row for each span and passage") func csv() throws {
    let rows = CSVReport.render(Sample.report([.trace(try Sample.trace())]))
      .split(separator: "\r\n")
    #expect(rows.count == 1 + 3 + 3)
    #expect(rows[1].hasPrefix("1,the old mill,-4.0,copied but available elsewhere,61.5,"))
  }
}
