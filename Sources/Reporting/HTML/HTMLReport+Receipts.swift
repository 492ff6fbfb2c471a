extension HTMLReport {
  /// Predictions beside what came out.
  static func markup(of receipts: [ScoreReport.Receipt]) -> Markup {
    guard !receipts.isEmpty else { return "" }
    let numbers = HumanNumber.column(receipts.flatMap { [$0.predicted, $0.actual] })
    let units = Set(receipts.map(\.unit))
    let unit: Markup? = units.count == 1 ? " Changes in \(receipts[0].unit)." : nil
    let rows = receipts.enumerated().map { index, receipt -> Markup in
      // Bars compare only within one unit.
      let largest =
        receipts.filter { $0.unit == receipt.unit }
        .map { max(abs($0.predicted), abs($0.actual)) }.max() ?? 1
      let bar = Bar([
        (receipt.predicted / largest, "predicted"), (receipt.actual / largest, "actual"),
      ])
      let cell: Markup? = unit == nil ? "<td>\(receipt.unit.plainLine)</td>" : nil
      return """
        <tr><th scope="row">\(receipt.query.plainLine)</th><td>\(receipt.removed.plainLine)</td>\
        <td class="chart">\(bar.markup)</td>\
        <td class="number">\(numbers[2 * index])</td>\
        <td class="number">\(numbers[2 * index + 1])</td>\(cell)</tr>

        """
    }
    let heading: Markup? = unit == nil ? "<th scope=\"col\">In</th>" : nil
    return """
      <section aria-labelledby="receipts">
      <h2 id="receipts">Trained again to check</h2>
      <p>Each line takes items out of the training set, trains again in the same way, and sets the \
      change of the query's measure beside the change that the scores predict. \
      \(receipts.agreement)</p>
      <div class="wide" role="region" aria-labelledby="receipts" tabindex="0">
      <table class="receipts">
      <caption>Upper bar, outlined: predicted. Lower bar, filled: actual.\(unit)</caption>
      <thead><tr><th scope="col">Query</th><th scope="col">Removed</th><td class="chart"></td>\
      <th scope="col" class="number">Predicted</th><th scope="col" class="number">Actual</th>\
      \(heading)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </section>

      """
  }
}
