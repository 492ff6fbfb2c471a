import Influence

extension TerminalReport {
  /// Predictions beside what came out.
  static func lines(of receipts: [ScoreReport.Receipt], _ style: Style) -> [String] {
    guard !receipts.isEmpty else { return [] }
    let predictors = receipts.predictors
    let units = Set(receipts.map(\.unit))
    // One column of numbers, so that all compare.
    var numbers = HumanNumber.column(
      receipts.flatMap { receipt in
        [receipt.actual] + predictors.compactMap(receipt.predicted)
      })[...]
    let names = predictors.count == 1 ? ["predicted"] : predictors
    let figures = TextTable(
      alignments: [.right] + names.map { _ in .right } + (units.count == 1 ? [] : [.left]),
      rows: [
        (["actual"] + names + (units.count == 1 ? [] : ["change in"])).map { .init($0, .faint) }
      ]
        + receipts.map { receipt in
          [.init(numbers.popFirst() ?? "")]
            + predictors.map { name in
              .init(receipt.predicted(by: name) == nil ? "refused" : numbers.popFirst() ?? "")
            } + (units.count == 1 ? [] : [.init(receipt.unit)])
        })
    // What the numbers leave of a line is for the words, however long these are.
    let room = style.width - figures.width - 6
    let query = min(24, max(room / 3, 8))
    let queries = receipts.map { $0.query.clipped(toWidth: query) }
    let removed = min(40, max(room - (queries.map(\.terminalWidth).max() ?? 0), 8))
    let words = zip(queries, receipts).map { query, receipt -> [TextTable.Cell] in
      [.init(query), .init(receipt.removed.clipped(toWidth: removed))]
    }
    let table = TextTable(
      alignments: [.left, .left] + figures.alignments,
      rows: zip([[.init("query", .faint), .init("removed", .faint)]] + words, figures.rows)
        .map { $0 + $1 })
    let caption: [String] =
      predictors.count == 1 ? [] : [style.paint(table.indent(of: 3) + "predicted by", .faint)]
    return [style.paint("Trained again to check", .heading)] + caption
      + table.lines(style)
      + (units.count == 1 ? wrapped("Changes in \(receipts[0].unit).", style) : [])
      + fits(receipts, style)
  }

  private static func fits(_ receipts: [ScoreReport.Receipt], _ style: Style) -> [String] {
    let fits = receipts.fits
    guard receipts.count > 2 else {
      return fits.flatMap { wrapped($0.agreement(named: fits.count > 1), style) }
    }
    let headings = ["predicted by", "receipts", "slope", "Pearson", "Spearman", "sign foreseen"]
    let table = TextTable(
      alignments: [.left] + headings.dropFirst().map { _ in .right },
      rows: [headings.map { .init($0, .faint) }]
        + fits.map { fit in
          [.init(fit.name), .init(HumanNumber.count(fit.count))] + fit.figures.map { .init($0) }
        })
    return [style.paint("How well the columns foresaw it", .heading)] + table.lines(style)
      + wrapped(ScoreReport.fitLegend, style)
  }
}
