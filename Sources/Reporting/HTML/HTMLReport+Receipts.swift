import Influence

extension HTMLReport {
  /// Predictions beside what came out.
  static func markup(of receipts: [ScoreReport.Receipt]) -> Markup {
    guard !receipts.isEmpty else { return "" }
    let predictors = receipts.predictors
    var numbers = HumanNumber.column(
      receipts.flatMap { receipt in
        predictors.compactMap(receipt.predicted) + [receipt.actual]
      })[...]
    let units = Set(receipts.map(\.unit))
    let unit: Markup? = units.count == 1 ? " Changes in \(receipts[0].unit)." : nil
    let rows = receipts.map { receipt -> Markup in
      // Bars compare only within one unit.
      let largest =
        receipts.filter { $0.unit == receipt.unit }
        .flatMap { $0.predictions.map { abs($0.change ?? 0) } + [abs($0.actual)] }.max() ?? 1
      let bar = Bar(
        predictors.map { ((receipt.predicted(by: $0) ?? 0) / largest, "predicted") }
          + [(receipt.actual / largest, "actual")])
      let predicted = predictors.map { name -> Markup in
        let text =
          receipt.predicted(by: name) == nil ? "refused" : numbers.popFirst() ?? ""
        return "<td class=\"number\">\(text)</td>"
      }
      let cell: Markup? = unit == nil ? "<td>\(receipt.unit.plainLine)</td>" : nil
      return """
        <tr><th scope="row">\(receipt.query.plainLine)</th><td>\(receipt.removed.plainLine)</td>\
        <td class="chart">\(bar.markup)</td>\(predicted)\
        <td class="number">\(numbers.popFirst() ?? "")</td>\(cell)</tr>

        """
    }
    let heading: Markup? = unit == nil ? "<th scope=\"col\">In</th>" : nil
    let names = predictors.count == 1 ? ["predicted"] : predictors
    let bars =
      predictors.count == 1
      ? "Upper bar, outlined: predicted. Lower bar, filled: actual."
      : "Outlined bars: predicted, in the order of the columns. Filled bar: actual."
    return """
      <section aria-labelledby="receipts">
      <h2 id="receipts">Trained again to check</h2>
      <p>Each line takes items out of the training set, trains again in the same way, and sets the \
      change of the query's measure beside the change that the scores predict.</p>
      \(fits(receipts))
      <div class="wide" role="region" aria-labelledby="receipts" tabindex="0">
      <table class="receipts">
      <caption>\(bars)\(unit)</caption>
      <thead><tr><th scope="col">Query</th><th scope="col">Removed</th><td class="chart"></td>\
      \(names.map { "<th scope=\"col\" class=\"number\">\($0)</th>" as Markup })\
      <th scope="col" class="number">Actual</th>\
      \(heading)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </section>

      """
  }

  /// How well each column foresaw what came out.
  private static func fits(_ receipts: [ScoreReport.Receipt]) -> Markup {
    let fits = receipts.fits
    guard receipts.count > 2 else {
      let sentences = fits.map { $0.agreement(named: fits.count > 1) }
      return "<p>\(sentences.joined(separator: " "))</p>"
    }
    let rows = fits.map { fit -> Markup in
      let cells = fit.figures.map { "<td class=\"number\">\($0)</td>" as Markup }
      return """
        <tr><th scope="row">\(fit.name.plainLine)</th>\
        <td class="number">\(HumanNumber.count(fit.count))</td>\(cells)</tr>

        """
    }
    let headings = ["receipts", "slope", "Pearson", "Spearman", "sign foreseen"].map {
      "<th scope=\"col\" class=\"number\">\($0)</th>" as Markup
    }
    return """
      <div class="wide" role="region" aria-label="How well each column foresaw it" tabindex="0">
      <table class="account">
      <caption>How well each column foresaw it. \(ScoreReport.fitLegend)</caption>
      <thead><tr><th scope="col">Predicted by</th>\(headings)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }
}
