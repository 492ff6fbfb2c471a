import Influence
import Training

/// Aligned tables for a terminal or a text file.
public enum TerminalReport {
  /// How the text looks.
  public struct Style: Sendable {
    /// Whether to colour with ANSI escapes.
    public var usesColor: Bool
    /// The column at which sentences are broken.
    public var width: Int

    /// A style; plain text of 80 columns unless told otherwise.
    public init(usesColor: Bool = false, width: Int = 80) {
      self.usesColor = usesColor
      self.width = width
    }

    func paint(_ text: String, _ role: TextTable.Role) -> String {
      let code: String? =
        switch role {
        case .plain: nil
        case .heading: "1"
        case .faint: "2"
        case .support: "34"
        case .oppose: "33"
        }
      guard usesColor, let code else { return text }
      return "\u{1b}[\(code)m\(text)\u{1b}[0m"
    }
  }

  /// The most outputs that are shown.
  public static let mostOutputs = 500

  static let format = ReportFormat(
    name: "text", fileExtension: "txt", summary: "aligned tables, as on a terminal",
    render: { render($0) })

  /// The whole text: the setting, the sections, the concentration of all outputs in one table, and where
  /// it comes from.
  ///
  /// Of more outputs than ``mostOutputs`` the first are shown, and a sentence says so.
  public static func render(_ report: ScoreReport, style: Style = Style()) -> String {
    let report = report.cut(toOutputs: mostOutputs)
    var parts = [head(report, style)]
    for section in report.sections {
      switch section {
      case .query(let query): parts.append(lines(of: query, report, style))
      case .ledger(let ledger): parts.append(lines(of: ledger, report, style))
      case .receipts(let receipts): parts.append(lines(of: receipts, style))
      case .evaluation(let evaluation): parts.append(lines(of: evaluation, style))
      case .dilution(let dilution): parts.append(lines(of: dilution, style))
      case .inversion(let inversion): parts.append(lines(of: inversion, style))
      case .trace(let trace): parts.append(lines(of: trace, style))
      case .memorization(let part): parts.append(lines(of: part, style))
      case .exposures(let part): parts.append(lines(of: part, style))
      case .selfInfluence(let part): parts.append(lines(of: part, style))
      }
    }
    parts += [ledgerOverview(report, style), overview(report, style)]
    parts.append([style.paint("Where it comes from", .heading)] + facts(report.origin, style))
    return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }
      .joined(separator: "\n")
  }

  private static func head(_ report: ScoreReport, _ style: Style) -> [String] {
    [style.paint(report.title.plainLine, .heading)] + facts(report.setting, style)
      + report.notes.flatMap { wrapped("Note: " + $0, style) }
  }

  /// Names and values, a value that does not fit in lines of its own; a command stays in one, so that it
  /// can be copied.
  private static func facts(_ facts: [ScoreReport.Fact], _ style: Style) -> [String] {
    let width = facts.map { $0.name.plainLine.terminalWidth }.max() ?? 0
    return facts.flatMap { fact -> [String] in
      let (name, value) = (fact.name.plainLine, fact.value.plainLine)
      let blanks = String(repeating: " ", count: width - name.terminalWidth + 2)
      let head = "  " + style.paint(name, .faint)
      if width + 4 + value.terminalWidth <= style.width { return [head + blanks + value] }
      if fact.name == "command" { return [head, "    " + value] }
      var narrow = style
      narrow.width = style.width - width - 2
      let lines = wrapped(value, narrow).map { String($0.dropFirst(2)) }
      if lines.allSatisfy({ $0.terminalWidth <= narrow.width }) {
        let rest = String(repeating: " ", count: width + 4)
        return lines.enumerated().map { ($0.offset == 0 ? head + blanks : rest) + $0.element }
      }
      return [head] + wrapped(value, style).map { "  " + $0 }
    }
  }

  private static func lines(
    of scores: ScoreReport.QueryScores, _ report: ScoreReport, _ style: Style
  ) -> [String] {
    let query = scores.query
    var title = [style.paint(query.id.plainLine, .heading)]
    if !query.label.isEmpty { title.append("label \(query.label.plainLine.clipped(to: 40))") }
    title.append("\(report.measure.rawValue) \(HumanNumber.significant(scores.measured))")
    var lines = [title.joined(separator: "  ")]
    if case .text(let text) = query.content {
      lines += wrapped("“\(text.plainLine.clipped(to: 400))”", style)
    }
    lines += wrapped(scores.sentence, style)
    let (supporters, opponents) = (scores.supporters, scores.opponents)
    let count = max(supporters.count, opponents.count)
    let standings = standings(scores, report, style)
    guard count > 0 else { return lines + standings }
    let hasLabels = (supporters + opponents).contains { !$0.item.label.isEmpty }
    let hasGroups = (supporters + opponents).contains { !$0.item.group.isEmpty }

    // One column of numbers for both sides, so that they compare.
    let numbers = HumanNumber.column((supporters + opponents).map(\.score))
    func cells(_ items: [ScoreReport.ScoredItem], _ index: Int, first: Int) -> [TextTable.Cell] {
      let width = 2 + (hasLabels ? 1 : 0) + (hasGroups ? 1 : 0)
      guard index < items.count else { return Array(repeating: .init(""), count: width) }
      let scored = items[index]
      return [.init(scored.item.title(clippedTo: 24))]
        + (hasLabels ? [.init(scored.item.label.clipped(to: 16))] : [])
        + (hasGroups ? [.init(scored.item.group.clipped(to: 16), .faint)] : [])
        + [.init(numbers[first + index], scored.score > 0 ? .support : .oppose)]
    }
    func headings(_ side: String) -> [TextTable.Cell] {
      ([side] + (hasLabels ? ["label"] : []) + (hasGroups ? ["group"] : []) + ["score"])
        .map { .init($0, .faint) }
    }
    let side =
      Array(repeating: TextTable.Alignment.left, count: headings("").count - 1) + [.right]
    let table = TextTable(
      alignments: [.right] + side + side,
      rows: [[.init("")] + headings("supporters") + headings("opponents")]
        + (0..<count).map { index in
          [.init("\(index + 1)", .faint)] + cells(supporters, index, first: 0)
            + cells(opponents, index, first: supporters.count)
        })
    guard table.width > style.width else { return lines + table.lines(style) + standings }
    // Below each other where both sides do not fit in a line.
    func block(_ items: [ScoreReport.ScoredItem], _ title: String, first: Int) -> [[TextTable.Cell]]
    {
      items.isEmpty
        ? []
        : [[.init("")] + headings(title)]
          + items.indices.map { [.init("\($0 + 1)", .faint)] + cells(items, $0, first: first) }
    }
    let stacked = TextTable(
      alignments: [.right] + side,
      rows: block(supporters, "supporters", first: 0)
        + block(opponents, "opponents", first: supporters.count))
    return lines + stacked.lines(style) + standings
  }

  /// What was asked for, whatever its score.
  private static func standings(
    _ scores: ScoreReport.QueryScores, _ report: ScoreReport, _ style: Style
  ) -> [String] {
    guard !scores.shown.isEmpty else { return [] }
    let numbers = HumanNumber.column(scores.shown.map(\.score))
    let rows = zip(scores.shown, numbers).map { standing, number -> [TextTable.Cell] in
      [
        .init(standing.title.clipped(to: 32)), .init(standing.item.label.clipped(to: 12)),
        .init(number, standing.score < 0 ? .oppose : .support),
        .init(standing.placeText(of: report.itemCount)),
        .init(standing.share.map { HumanNumber.percent($0) } ?? "–"),
      ]
    }
    let headings = ["asked for", "label", "score", "place", "share of gross"]
    let table = TextTable(
      alignments: [.left, .left, .right, .right, .right],
      rows: [headings.map { .init($0, .faint) }] + rows)
    return [""] + table.lines(style)
  }

  private static func overview(_ report: ScoreReport, _ style: Style) -> [String] {
    guard !report.queries.isEmpty else {
      return report.queryCount == 0 && !report.isOfMemorization && !report.isOfSelfInfluence
        ? ["There are no queries."] : []
    }
    let headings = [
      "query", "label", report.measure.rawValue, "contributors", "strongest", "cancelled",
    ]
    let table = TextTable(
      alignments: [.left, .left, .right, .right, .right, .right],
      rows: [headings.map { .init($0, .faint) }]
        + report.queries.map { scores in
          [
            .init(scores.query.id.clipped(to: 24)), .init(scores.query.label.clipped(to: 16)),
            .init(HumanNumber.significant(scores.measured)),
          ] + scores.cocktail.figures.map { .init($0) }
        })
    return [style.paint("How concentrated the scores are", .heading)] + table.lines(style)
      + wrapped(ScoreReport.concentrationLegend(items: report.itemCount), style)
  }

  /// A sentence in lines of the style's width, indented.
  static func wrapped(_ text: String, _ style: Style) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.plainLine.split(separator: " ") {
      if !line.isEmpty, 2 + line.terminalWidth + 1 + String(word).terminalWidth > style.width {
        lines.append("  " + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + ["  " + line]
  }
}
