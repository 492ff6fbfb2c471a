import Influence
import Training

extension TerminalReport {
  /// The account of one output: its lines, its statistics, its strongest items.
  static func lines(
    of ledger: ScoreReport.QueryLedger, _ report: ScoreReport, _ style: Style
  ) -> [String] {
    let (query, measure) = (ledger.query, report.measure.rawValue)
    let unit = report.method.unitText
    let label = query.label.isEmpty ? "" : "  label \(query.label.plainLine.clipped(to: 40))"
    var lines = [style.paint(query.id.plainLine, .heading) + label]
    if case .text(let text) = query.content {
      lines += wrapped("“\(text.plainLine.clipped(to: 400))”", style)
    }
    lines += wrapped(ledger.change(measure, unit: unit), style)
    lines += account(ledger, report).lines(style)
    for verdict in ledger.verdicts(unit: unit) { lines += wrapped(verdict, style) }
    if let leading = ledger.leading, let statistics = ledger.statistics[leading] {
      lines += wrapped(statistics.sentence, style)
    }
    let figures = [ledger.moreFigures, ledger.correlationSentence].compactMap { $0 }
    lines += wrapped(figures.joined(separator: " "), style)
    if let significance = ledger.account.significance {
      lines += wrapped(significance.sentence, style)
    }
    if let groups = groups(ledger) { lines += [""] + groups.lines(style) }
    if let items = items(ledger, style) { lines += [""] + items.lines(style) }
    return lines
  }

  /// The lines that add up, a column of numbers for each column of the ledger.
  private static func account(
    _ ledger: ScoreReport.QueryLedger, _ report: ScoreReport
  ) -> TextTable {
    let lines = ledger.lines(of: report.measure.rawValue)
    let texts = ledger.texts(of: lines)
    let sign = report.measure.isLowerBetter ? "−" : "+"
    let rows = lines.indices.map { place -> [TextTable.Cell] in
      let line = lines[place]
      let indent =
        switch line.role {
        case .before: "  "
        case .after: "= "
        case .items, .nobody, .residual: "\(sign) "
        case .part: "    "
        }
      let role: TextTable.Role = line.role == .part ? .faint : .plain
      return [.init(indent + line.label, role)] + texts[place].map { .init($0 ?? "", role) }
    }
    return TextTable(
      alignments: [.left] + ledger.columns.map { _ in .right },
      rows: [[.init("")] + ledger.columns.map { .init($0.rawValue, .faint) }] + rows)
  }

  /// Groups that a terminal shows of many.
  private static let mostGroups = 10

  /// The groups with the largest gross, those that were asked for, and the others as one.
  private static func groups(_ ledger: ScoreReport.QueryLedger) -> TextTable? {
    guard !ledger.groups.isEmpty, ledger.leading != nil else { return nil }
    let shown = ledger.groupRows(most: mostGroups)
    let numbers = ledger.answered.map { column in
      HumanNumber.column(shown.map { $0.net[column] ?? .nan })
    }
    let rows = shown.enumerated().map { place, group -> [TextTable.Cell] in
      [.init(group.name.clipped(to: 20)), .init(HumanNumber.count(group.count))]
        + numbers.map { cell($0[place]) } + [
          .init(group.share.map { HumanNumber.percent($0) } ?? "")
        ]
    }
    let headings = ["group", "items"] + ledger.answered.map(\.rawValue) + ["gross"]
    return TextTable(
      alignments: [.left] + headings.dropFirst().map { _ in .right },
      rows: [headings.map { .init($0, .faint) }] + rows)
  }

  /// The strongest items, with their parts by time where these fit in.
  private static func items(_ ledger: ScoreReport.QueryLedger, _ style: Style) -> TextTable? {
    let whole = items(ledger, hasPhases: true)
    return whole.map(\.width).map { $0 > style.width } == true
      ? items(ledger, hasPhases: false) : whole
  }

  private static func items(
    _ ledger: ScoreReport.QueryLedger, hasPhases: Bool
  ) -> TextTable? {
    let numbers = ledger.supporters + ledger.opponents + ledger.shownItems
    guard !numbers.isEmpty else { return nil }
    let items = numbers.map(ledger.item)
    let (values, phases) = (ledger.values(numbers), hasPhases ? ledger.phases(numbers) : nil)
    let hasLabels = items.contains { !$0.label.isEmpty }
    let hasGroups = !ledger.groups.isEmpty
    let hasClaims = ledger.account.significance != nil
    func headings(_ side: String) -> [TextTable.Cell] {
      (["", side] + (hasLabels ? ["label"] : []) + (hasGroups ? ["group"] : [])
        + ledger.answered.map(\.rawValue) + (hasClaims ? ["p"] : [])
        + (phases == nil ? [] : ledger.shownPhaseNames)).map { .init($0, .faint) }
    }
    func row(_ place: Int, rank: Int) -> [TextTable.Cell] {
      let item = items[place]
      return [.init("\(rank)", .faint), .init(item.title(clippedTo: 24))]
        + (hasLabels ? [.init(item.label.clipped(to: 16))] : [])
        + (hasGroups ? [.init(item.group.clipped(to: 16), .faint)] : [])
        + ledger.answered.map { cell(values[place][$0] ?? "") }
        + (hasClaims ? [.init(ledger.pValue(numbers[place]) ?? "")] : [])
        + (phases?[place].map { .init($0, .faint) } ?? [])
    }
    let count = ledger.supporters.count
    let supporters = (0..<count).map { row($0, rank: $0 + 1) }
    let end = count + ledger.opponents.count
    let opponents = (count..<end).map { row($0, rank: $0 - count + 1) }
    let shown = (end..<numbers.count).map { row($0, rank: ledger.rank(of: numbers[$0]) ?? 0) }
    let words = (hasLabels ? 1 : 0) + (hasGroups ? 1 : 0)
    let width = headings("").count
    return TextTable(
      alignments: [.right, .left] + (2..<width).map { $0 < 2 + words ? .left : .right },
      rows: (supporters.isEmpty ? [] : [headings("supporters")] + supporters)
        + (opponents.isEmpty ? [] : [headings("opponents")] + opponents)
        + (shown.isEmpty ? [] : [headings("asked for")] + shown))
  }

  static func cell(_ number: String) -> TextTable.Cell {
    .init(number, number.hasPrefix("−") ? .oppose : .support)
  }

  /// All accounts in one table.
  static func ledgerOverview(_ report: ScoreReport, _ style: Style) -> [String] {
    let ledgers = report.ledgers
    guard let first = ledgers.first else { return [] }
    let hasClaims = first.account.significance != nil
    let measure = report.measure.rawValue
    let headings: [(name: String, legend: String?)] = [
      ("query", nil), ("label", nil), ("before", "Before, after: the \(measure), by training."),
      ("after", nil), ("residual", "Residual: its share of the gross movement."),
      ("contributors", ScoreReport.contributorsLegend(items: report.itemCount)),
      ("strongest", ScoreReport.strongestLegend), ("cancelled", ScoreReport.cancelledLegend),
    ]
    let claims = hasClaims ? [("owed", ScoreReport.claimLegend)] : []
    let rows = ledgers.map { ledger -> [TextTable.Cell] in
      [
        .init(ledger.query.id.clipped(to: 16)), .init(ledger.query.label.clipped(to: 8)),
        .init(HumanNumber.significant(ledger.account.measureInitial)),
        .init(HumanNumber.significant(ledger.account.measureFinal)), .init(ledger.residualText),
      ] + (hasClaims ? [.init(ledger.account.significance.map { "\($0.count)" } ?? "–")] : [])
        + ledger.leadingCocktail.figures.map { .init($0) }
    }
    let columns = headings.prefix(5) + claims + headings.dropFirst(5)
    let table = TextTable(
      alignments: [.left, .left] + columns.dropFirst(2).map { _ in .right },
      rows: [columns.map { .init($0.name, .faint) }] + rows)
    let legends = columns.compactMap(\.legend)
    return [style.paint("All accounts", .heading)] + table.lines(style)
      + wrapped(legends.joined(separator: " "), style)
  }
}
