import Influence

extension TerminalReport {
  /// Predictions beside what came out.
  static func lines(of receipts: [ScoreReport.Receipt], _ style: Style) -> [String] {
    guard !receipts.isEmpty else { return [] }
    let predictors = receipts.predictors
    // One column of numbers, so that all compare.
    var numbers = HumanNumber.column(
      receipts.flatMap { receipt in
        predictors.compactMap(receipt.predicted) + [receipt.actual]
      })[...]
    let names = predictors.count == 1 ? ["predicted"] : predictors
    let headings = ["query", "removed"] + names + ["actual", "change in"]
    let table = TextTable(
      alignments: [.left, .left] + names.map { _ in .right } + [.right, .left],
      rows: [headings.map { .init($0, .faint) }]
        + receipts.map { receipt in
          [.init(receipt.query.clipped(to: 24)), .init(receipt.removed.clipped(to: 40))]
            + predictors.map { name in
              .init(receipt.predicted(by: name) == nil ? "refused" : numbers.popFirst() ?? "")
            }
            + [.init(numbers.popFirst() ?? ""), .init(receipt.unit)]
        })
    return [style.paint("Trained again to check", .heading)]
      + table.fitting(style).lines(style) + fits(receipts, style)
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
