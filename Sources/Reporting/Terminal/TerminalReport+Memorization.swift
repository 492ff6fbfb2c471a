import Influence

extension TerminalReport {
  /// How much of each item was memorised, and which items decide on which.
  static func lines(of memorization: ScoreReport.Memorization, _ style: Style) -> [String] {
    let entries = memorization.shownEntries
    var lines =
      [style.paint("What was memorised", .heading)] + wrapped(memorization.sentence, style)
    if !entries.isEmpty {
      let names = ["item"] + (hasLabels(entries.map(\.item)) ? ["label"] : [])
      let table = TextTable(
        alignments: names.map { _ in .left } + memorization.headings.map { _ in .right },
        rows: [(names + memorization.headings).map { .init($0, .faint) }]
          + entries.map { entry in
            cells(entry.item, count: names.count)
              + memorization.cells(entry).map { .init($0) }
          })
      lines += table.lines(style)
      lines += wrapped(ScoreReport.Memorization.legend, style)
    }
    return lines + pairs(memorization, style) + agreements(memorization, style)
  }

  private static func pairs(
    _ memorization: ScoreReport.Memorization, _ style: Style
  ) -> [String] {
    guard let pairs = memorization.pairs, !pairs.isEmpty else { return [] }
    let hasLabels = hasLabels(pairs.map(\.item))
    let names = hasLabels ? ["item", "label", "test item", "label"] : ["item", "test item"]
    let table = TextTable(
      alignments: names.map { _ in .left } + [.right],
      rows: [(names + ["influence"]).map { .init($0, .faint) }]
        + pairs.map { pair in
          cells(pair.item, count: names.count / 2) + cells(pair.test, count: names.count / 2)
            + [.init(pair.influence.influence.text)]
        })
    return ["", style.paint("Which items decide on which test items", .heading)]
      + table.lines(style)
      + wrapped(ScoreReport.Memorization.pairLegend, style)
  }

  private static func agreements(
    _ memorization: ScoreReport.Memorization, _ style: Style
  ) -> [String] {
    let agreements = memorization.agreements
    guard !agreements.isEmpty else { return [] }
    let table = TextTable(
      alignments: [.left, .left, .right],
      rows: [["score", "compared with", "rank correlation"].map { .init($0, .faint) }]
        + agreements.map {
          [
            .init($0.score), .init($0.other),
            .init($0.spearman.map { HumanNumber.decimals($0, 3) } ?? "–"),
          ]
        })
    return ["", style.paint("Whether a cheaper score would do", .heading)]
      + table.lines(style)
      + wrapped(ScoreReport.Memorization.agreementLegend, style)
  }

  private static func hasLabels(_ items: [ScoreReport.Item]) -> Bool {
    items.contains { !$0.label.isEmpty }
  }

  private static func cells(_ item: ScoreReport.Item, count: Int) -> [TextTable.Cell] {
    [.init(item.title(clippedTo: 24))] + (count > 1 ? [.init(item.label.clipped(to: 16))] : [])
  }
}
