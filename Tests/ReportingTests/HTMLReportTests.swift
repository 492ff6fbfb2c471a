import Foundation
import Influence
import Reporting
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What an XML parser sees of a page.
final class PageReader: NSObject, XMLParserDelegate {
  private(set) var elements: [(name: String, attributes: [String: String])] = []
  private(set) var text = ""
  private(set) var failure: String?

  init(_ page: String) {
    super.init()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = self
    if !parser.parse() {
      failure = "line \(parser.lineNumber): \(String(describing: parser.parserError))"
    }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    elements.append((name, attributes))
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

  func all(_ name: String) -> [[String: String]] {
    elements.filter { $0.name == name }.map(\.attributes)
  }
}

@Suite("the page")
struct HTMLReportTests {
  /// A page with all there can be in it, with this text wherever a text can stand.
  private func page(_ text: String) -> PageReader {
    let image = PixelImage(width: 2, height: 2, ink: [0, 0.5, 1, .nan])
    let contents: [ScoreReport.Item.Content?] = [.image(image), .text(text), nil]
    let query = Sample.query(
      (0..<40).map { 20.5 - Double($0) }, id: text, k: 20,
      item: { .init(id: text, label: text, group: text, content: contents[$0 % 3]) })
    var pictured = query
    pictured.query.content = .image(image)
    pictured.cocktail = nil
    var written = query
    written.query.content = .text(text)
    let receipt = ScoreReport.Receipt(
      query: text, removed: text, predictions: [.init("tracin", 0.2)], actual: -0.1, unit: text)
    var account = Sample.threeColumns(
      (0..<40).map { 20.5 - Double($0) }, refusal: text,
      significance: Significance(
        atLeast: (0..<40).map { $0 < 20 ? 0 : 1 }, of: Array(repeating: 1, count: 40)))
    account.columns[.credit]?.decay = 0.5
    let ledger = ScoreReport.QueryLedger(
      query: .init(id: text, label: text, group: text, content: .image(image)), account: account,
      tolerance: 1e-4, count: 20,
      item: { .init(id: text, label: text, group: text, content: contents[$0 % 3]) })
    var report = Sample.report(
      [.query(pictured), .query(written), .ledger(ledger), .receipts([receipt])]
        + DilutionTests.report.sections, text: text,
      notes: [text], unit: text)
    report.model = text
    report.provenance.command = text
    report.provenance.version = text
    report.provenance.facts.append(.init(text, text))
    return PageReader(HTMLReport.render(report))
  }

  @Test("hostile text stays text: the page has the elements that it has with harmless text")
  func hostile() {
    let (quiet, hostile) = (page("quiet"), page(Sample.hostile))
    #expect(quiet.failure == nil)
    #expect(hostile.failure == nil)
    #expect(quiet.elements.map(\.name) == hostile.elements.map(\.name))
    #expect(
      quiet.elements.map { $0.attributes.keys.sorted() }
        == hostile.elements.map { $0.attributes.keys.sorted() })
    #expect(hostile.text.contains("<script>alert(\"x\")</script> & 'q' ]]> -->"))
    #expect(hostile.elements.allSatisfy { $0.name != "script" })
    for scalar in hostile.text.unicodeScalars where scalar != "\n" {
      #expect(scalar.properties.generalCategory != .control)
      #expect(scalar.properties.generalCategory != .format)
    }
  }

  @Test("nothing is fetched: links stay on the page and pictures are inside it") func closed() {
    let page = page("https://example.org/x.png")
    let policy = page.all("meta").compactMap { attributes in
      attributes["http-equiv"] == "Content-Security-Policy" ? attributes["content"] : nil
    }
    #expect(policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"])
    let forbidden: Set = [
      "link", "script", "iframe", "object", "embed", "base", "form", "use", "image", "audio",
      "video", "source",
    ]
    for (name, attributes) in page.elements {
      #expect(!forbidden.contains(name))
      for (attribute, value) in attributes {
        #expect(!attribute.hasPrefix("on") && attribute != "style")
        if attribute == "href" { #expect(value.hasPrefix("#")) }
        if attribute == "src" { #expect(value.hasPrefix("data:image/png;base64,")) }
      }
    }
    #expect(!HTMLReport.render(Sample.report([])).contains("url("))
    #expect(!HTMLReport.render(Sample.report([])).contains("@import"))
  }

  @Test("links find their target, names are given once, and every picture has words")
  func navigation() {
    let page = page("item")
    let names = page.elements.compactMap { $0.attributes["id"] }
    #expect(Set(names).count == names.count)
    for link in page.elements.compactMap({ $0.attributes["href"] }) {
      #expect(names.contains(String(link.dropFirst())))
    }
    for label in page.elements.compactMap({ $0.attributes["aria-labelledby"] }) {
      #expect(names.contains(label))
    }
    #expect(page.all("html").first?["lang"] == "en")
    #expect(page.all("h1").count == 1)
    #expect(page.all("title").count == 1)
    let images = page.all("img")
    #expect(!images.isEmpty)
    #expect(images.allSatisfy { $0["alt"]?.isEmpty == false })
  }

  @Test("bars are as long as the scores, to the right for support and to the left for opposition")
  func bars() {
    let report = Sample.report([.query(Sample.query([4, 1, -2], k: 2))], items: 3)
    let bars = PageReader(HTMLReport.render(report)).all("rect")
    #expect(bars.map { $0["class"] } == ["support", "support", "oppose"])
    #expect(bars.map { $0["width"] } == ["100.00", "25.00", "50.00"])
    #expect(bars.map { $0["x"] } == ["0.00", "0.00", "-50.00"])
  }

  @Test("each step of the waterfall starts where the one before ended") func waterfall() throws {
    // From 2.5 by −1, −0.25, +0.5, nothing and the residual of nothing to 1.75: 200 units are 2.5
    // nats.
    let ledger = Sample.ledger(Sample.account([1, -0.5, 0, 0.25]))
    let page = PageReader(HTMLReport.render(Sample.report([.ledger(ledger)])))
    let start = try #require(page.elements.firstIndex { $0.attributes["class"] == "waterfall" })
    let bars = page.elements[start...].filter { $0.name == "rect" }.prefix(7).map(\.attributes)
    #expect(
      bars.map { $0["class"] } == [
        "level", "support", "support", "oppose", "support", "nobody", "level",
      ])
    #expect(
      bars.map { $0["x"] } == ["0.00", "120.00", "100.00", "100.00", "140.00", "140.00", "0.00"])
    #expect(
      bars.map { $0["width"] } == ["200.00", "80.00", "20.00", "40.00", "0.00", "0.00", "140.00"])
    #expect(page.text.contains("1 other item"))
  }

  @Test("receipts have a bar for the prediction and one for what came out") func receipts() {
    let receipt = ScoreReport.Receipt(
      query: "test:3", removed: "train:1", predictions: [.init("tracin", 0.2)], actual: -0.1,
      unit: "nats")
    let page = PageReader(HTMLReport.render(Sample.report([.receipts([receipt])])))
    #expect(page.all("rect").map { $0["class"] } == ["predicted", "actual"])
    #expect(page.all("rect").map { $0["width"] } == ["100.00", "50.00"])
    #expect(page.text.contains("The sign was foreseen in 0 of 1."))
    let zero = ScoreReport.Receipt(
      query: "test:3", removed: "nothing", predictions: [.init("tracin", 0)], actual: 0,
      unit: "nats")
    let flat = PageReader(HTMLReport.render(Sample.report([.receipts([zero])])))
    #expect(flat.all("rect").map { $0["width"] } == ["0.00", "0.00"])
  }

  @Test("text has at least the contrast 4.5 to 1 of WCAG AA, light, dark and printed")
  func contrast() throws {
    let page = HTMLReport.render(Sample.report([]))
    let schemes = page.split(separator: ":root {").dropFirst().map { $0.prefix { $0 != "}" } }
    #expect(schemes.count == 3)
    for scheme in schemes {
      var colors: [String: Double] = [:]
      for match in scheme.matches(of: /--([a-z]+): #([0-9a-f]+);/) {
        colors[String(match.1)] = luminance(String(match.2))
      }
      for text in ["ink", "quiet", "support", "oppose", "link"] {
        for ground in ["paper", "raised"] {
          let (a, b) = (try #require(colors[text]), try #require(colors[ground]))
          #expect((max(a, b) + 0.05) / (min(a, b) + 0.05) >= 4.5, "\(text) on \(ground)")
        }
      }
    }
  }

  /// Relative luminance by WCAG 2 of `rrggbb` or `rgb`.
  private func luminance(_ hex: String) -> Double {
    let long = hex.count == 3 ? hex.map { "\($0)\($0)" }.joined() : hex
    let value = Int(long, radix: 16) ?? 0
    let channels = [16, 8, 0].map { shift in
      let channel = Double(value >> shift & 255) / 255
      return channel <= 0.03928 ? channel / 12.92 : pow((channel + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
  }
}
