import Formats
import Influence
import Reporting
import Testing

@Suite("reports for programs")
struct DataFormatTests {
  /// Numbers whose digits are easily lost.
  private let scores = [
    0.1 + 0.2, -1.0 / 3, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 0, 1e-7,
  ]

  private func json(_ report: ScoreReport) throws -> [JSONValue] {
    try JSONLinesReport.render(report).split(separator: "\n", omittingEmptySubsequences: false)
      .dropLast().map { try JSONValue(ByteSource(Array($0.utf8), name: "line")) }
  }

  @Test("JSON lines give every number back") func jsonNumbers() throws {
    let query = Sample.query(scores, k: 6)
    let lines = try json(Sample.report([.query(query)], items: 6))
    #expect(lines.count == 2)
    #expect(lines[0]["kind"]?.string == "header")
    #expect(lines[0]["items"]?.integer() == 6)
    #expect(lines[0]["queries"]?.integer() == 1)
    #expect(lines[0]["unit"]?.string == "nats of the query's loss")
    #expect(lines[1]["measured"]?.double == query.measured)
    let supporters = try #require(lines[1]["supporters"]?.array)
    #expect(supporters.map { $0["score"]?.double } == scores.filter { $0 > 0 }.sorted(by: >))
    #expect(supporters.map { $0["item"]?.integer() } == [0, 5, 2])
    let opponents = try #require(lines[1]["opponents"]?.array)
    #expect(opponents.map { $0["score"]?.double } == scores.filter { $0 < 0 }.sorted(by: <))
    #expect(supporters[0]["id"]?.string == "train:0")
  }

  @Test("names are in order and always the same ones") func jsonNames() throws {
    var early = Sample.query([1, 2])
    early.cocktail = nil
    let receipt = ScoreReport.Receipt(
      query: "test:3", removed: "train:1", predictions: [.init("tracin", 0.1)], actual: .nan,
      unit: "nats")
    let lines = try json(
      Sample.report(
        [.query(Sample.query([1, 2])), .query(early), .receipts([receipt])], unit: nil))
    let names = lines.map { $0.members?.map(\.name) ?? [] }
    for names in names { #expect(names == names.sorted()) }
    #expect(names[1] == names[2])
    #expect(lines[0]["unit"] == .null)
    #expect(lines[1]["net"]?.double == 3)
    #expect(lines[2]["net"] == .null)
    #expect(lines[3]["kind"]?.string == "receipt")
    #expect(lines[3]["actual"] == .null)
  }

  @Test("JSON gives hostile text back, one line for each object") func jsonText() throws {
    let item = ScoreReport.Item(id: Sample.hostile, label: Sample.hostile, group: Sample.hostile)
    let text = JSONLinesReport.render(
      Sample.report([.query(Sample.query([1], item: { _ in item }))], text: Sample.hostile))
    #expect(!text.contains("\u{1b}"))
    let lines = try json(
      Sample.report([.query(Sample.query([1], item: { _ in item }))], text: Sample.hostile))
    #expect(lines.count == 2)
    #expect(lines[0]["title"]?.string == Sample.hostile)
    let supporter = lines[1]["supporters"]?.array?.first
    #expect(supporter?["label"]?.string == Sample.hostile)
    #expect(supporter?["id"]?.string == Sample.hostile)
  }

  @Test("CSV gives every number back, a row for each query and item") func csvNumbers() throws {
    let rows = try parseCSV(
      CSVReport.render(Sample.report([.query(Sample.query(scores, k: 6))], items: 6)))
    #expect(rows.count == 6)
    #expect(Set(rows.map(\.count)) == [11])
    let supporters = rows.filter { $0[3] == "supporter" }
    #expect(supporters.map { Double($0[9]) } == scores.filter { $0 > 0 }.sorted(by: >))
    #expect(supporters.map { $0[4] } == ["1", "2", "3"])
    #expect(
      rows.filter { $0[3] == "opponent" }.map { Double($0[9]) }
        == scores.filter { $0 < 0 }.sorted(by: <))
    #expect(Set(rows.dropFirst().map { $0[2] }) == ["0.012345678901234567"])
  }

  @Test(
    "a spreadsheet runs nothing, and numbers stay numbers",
    arguments: [
      ("=1+1", "'=1+1"), ("+1+1", "'+1+1"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
      ("  =1", "'  =1"), ("\t=1", "'\t=1"), ("＝1", "'＝1"), ("\u{1b}=1", "'=1"), ("\r=1", "'=1"),
      ("-5", "-5"), ("+1.5e-3", "+1.5e-3"), ("-", "'-"), ("a=1", "a=1"), ("", ""),
      ("-inf", "'-inf"), ("\"\u{301},", "\"\u{301},"), ("two\nlines", "two\nlines"),
    ]) func csvText(_ text: String, _ cell: String) throws
  {
    let item = ScoreReport.Item(id: "train:0", label: text)
    let rows = try parseCSV(
      CSVReport.render(Sample.report([.query(Sample.query([1], item: { _ in item }))])))
    #expect(rows[1][7] == cell)
    #expect(rows.count == 2)
  }
}
