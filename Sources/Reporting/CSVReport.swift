/// A table for spreadsheets and data frames, of one kind: accounts, or scores, or receipts, or
/// evaluations, or memorised items, or canaries, or self-influences, or families of runs with inverted gradients, or
/// traces, the first of these that the report has.
///
/// RFC 4180 with a header line. Accounts have for each query the measure before training, a row for
/// each item and each row that is nobody's, and the measure after training; scores a row for each
/// query and each of its strongest items, `rank` counting from 1 in each `side`; then the items and groups that
/// were asked for (`shown`, with the rank among all items, and `group`, with the sum). A text that a spreadsheet would run as a formula gets an apostrophe in
/// front; numbers stay numbers.
public enum CSVReport {
  static let format = ReportFormat(
    name: "csv", fileExtension: "csv",
    summary: "a table: accounts, scores, receipts, evaluations, memorisation or curves",
    render: render)

  static let columns = [
    "query", "query_label", "measured", "side", "rank", "item", "item_id", "label", "group",
    "score", "unit",
  ]

  /// The whole file.
  public static func render(_ report: ScoreReport) -> String {
    let unit = report.method.unit ?? ""
    if !report.ledgers.isEmpty {
      return line(ledgerColumns)
        + report.ledgers.flatMap { rows(of: $0, unit: unit) }.joined()
    }
    if report.queries.isEmpty, !report.receipts.isEmpty { return table(of: report.receipts) }
    if report.queries.isEmpty, !report.evaluations.isEmpty { return table(of: report.evaluations) }
    if report.queries.isEmpty, let memorization = report.memorizations.first {
      return table(of: memorization)
    }
    if report.queries.isEmpty, let exposures = report.exposures.first {
      return table(of: exposures)
    }
    if report.isOfSelfInfluence, let part = report.selfInfluences.first { return table(of: part) }
    if report.isOfDilution { return dilutionTable(report) }
    if report.queries.isEmpty, !report.traces.isEmpty { return table(of: report.traces) }
    return line(columns) + report.queries.flatMap { rows(of: $0, unit: unit) }.joined()
  }

  private static func rows(of scores: ScoreReport.QueryScores, unit: String) -> [String] {
    let sides = [("supporter", scores.supporters), ("opponent", scores.opponents)]
    let query = [text(scores.query.id), text(scores.query.label), "\(scores.measured)"]
    return sides.flatMap { side, items in
      items.enumerated().map { index, scored in
        line(
          query + [
            side, "\(index + 1)", "\(scored.number)", text(scored.item.id),
            text(scored.item.label), text(scored.item.group), "\(scored.score)", text(unit),
          ])
      }
    }
      + scores.shown.map { standing in
        line(
          query + [
            standing.number == nil ? "group" : "shown", standing.rank.map { "\($0)" } ?? "",
            standing.number.map { "\($0)" } ?? "", text(standing.item.id),
            text(standing.item.label),
            text(standing.item.group), cell(standing.score), text(unit),
          ])
      }
  }

  static func line(_ cells: [String]) -> String {
    cells.joined(separator: ",") + "\r\n"
  }

  /// A cell that stays text in a spreadsheet and one cell in a reader.
  static func text(_ text: String) -> String {
    let clean = text.plain
    let safe = startsFormula(clean) ? "'" + clean : clean
    guard safe.unicodeScalars.contains(where: { [",", "\"", "\n"].contains($0) }) else {
      return safe
    }
    // By scalar: an accent may follow a quotation mark and make one character with it.
    let quoted = safe.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }
    return "\"" + quoted.joined() + "\""
  }

  /// Whether a spreadsheet would take a text for a formula: the first sign is one of = + - @, or
  /// its wide form, or a tab, and the text is more than a number.
  private static func startsFormula(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first(where: { !$0.properties.isWhitespace }) else {
      return false
    }
    if text.unicodeScalars.first == "\t" { return true }
    guard "=+-@＝＋－＠".unicodeScalars.contains(first) else { return false }
    let isNumber = text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
    return !(isNumber && Double(text) != nil)
  }
}
