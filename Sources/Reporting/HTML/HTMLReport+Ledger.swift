import Influence
import Training

extension HTMLReport {
  /// The account of one output.
  static func markup(
    of ledger: ScoreReport.QueryLedger, number: Int, _ report: ScoreReport
  ) -> Markup {
    let query = ledger.query
    let unit = report.method.unitText
    let label: Markup? =
      query.label.isEmpty ? nil : " <span class=\"label\">label \(query.label.plainLine)</span>"
    var text: Markup?
    if case .text(let words) = query.content { text = "<blockquote>\(words)</blockquote>" }
    let verdicts = ledger.verdicts(unit: unit).map { "<li>\($0)</li>\n" as Markup }
    let sentences =
      [ledger.leading.flatMap { ledger.statistics[$0]?.sentence }]
      + [ledger.account.significance?.sentence]
    let paragraphs = sentences.compactMap { $0 }.map { "<p>\($0)</p>\n" as Markup }
    return """
      <section class="query" aria-labelledby="query-\(number)">
      <div class="heading">\(image(query, size: "large"))<div>
      <h2 id="query-\(number)">\(query.id.plainLine)\(label)</h2>
      <p class="measure">\(ledger.change(report.measure.rawValue, unit: unit))</p>
      \(paragraphs)</div></div>
      \(text)
      \(account(ledger, number: number, report))
      <ul class="verdicts">
      \(verdicts)</ul>
      \(waterfall(ledger, number: number, report))
      \(groups(ledger, number: number))
      \(strips(ledger, report))
      \(items(ledger, number: number, report))
      \(statistics(ledger, number: number))
      </section>

      """
  }

  /// The lines that add up, all columns beside each other.
  private static func account(
    _ ledger: ScoreReport.QueryLedger, number: Int, _ report: ScoreReport
  ) -> Markup {
    let lines = ledger.lines(of: report.measure.rawValue)
    let texts = ledger.texts(of: lines)
    let sign = report.measure.isLowerBetter ? "−" : "+"
    let rows = lines.indices.map { place -> Markup in
      let line = lines[place]
      let cells = texts[place].map { text -> Markup in
        "<td class=\"number\">\(text ?? "")</td>"
      }
      let name =
        [.items, .nobody, .residual].contains(line.role) ? "\(sign) \(line.label)" : line.label
      return "<tr class=\"\(line.role.rawValue)\"><th scope=\"row\">\(name)</th>\(cells)</tr>\n"
    }
    let headings = ledger.columns.map {
      "<th scope=\"col\" class=\"number\">\($0.rawValue)</th>" as Markup
    }
    return """
      <h3 id="account-\(number)">The account</h3>
      <p class="quiet">In \(report.method.unitText). \(ledger.signCaption(report.measure.rawValue))</p>
      <div class="wide" role="region" aria-labelledby="account-\(number)" tabindex="0">
      <table class="account">
      <thead><tr><td></td>\(headings)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }

  private static func waterfall(
    _ ledger: ScoreReport.QueryLedger, number: Int, _ report: ScoreReport
  ) -> Markup? {
    guard let column = ledger.answered.first(where: \.balances) else { return nil }
    let measure = report.measure.rawValue
    let waterfall = Waterfall(ledger, column)
    return """
      <h3 id="waterfall-\(number)">How \(column.rawValue) leads from before to after</h3>
      <div class="wide" role="region" aria-labelledby="waterfall-\(number)" tabindex="0">
      <table class="waterfall">
      <caption>Each step starts where the one above it ends.</caption>
      <thead><tr><th scope="col">Step</th><td class="chart"></td>\
      <th scope="col" class="number">Change</th><th scope="col" class="number">\(measure)</th>\
      </tr></thead>
      <tbody>
      \(waterfall.rows)</tbody>
      </table>
      </div>
      """
  }

  /// Pictures or texts of the items that stand out.
  private static func strips(_ ledger: ScoreReport.QueryLedger, _ report: ScoreReport) -> Markup? {
    guard let leading = ledger.leading else { return nil }
    let numbers = ledger.supporters + ledger.opponents
    let values = ledger.values(numbers)
    let rows = numbers.indices.map { place -> Row in
      let number = numbers[place]
      let score = ledger.account.columns[leading]?.items[number] ?? 0
      return (
        .init(number: number, item: ledger.item(number), score: score),
        values[place][leading] ?? ""
      )
    }
    let count = ledger.supporters.count
    let phrase = "\(leading.rawValue) in \(report.method.unitText)"
    return """
      \(strip("Supporters", "support", rows.prefix(count), phrase))
      \(strip("Opponents", "oppose", rows.dropFirst(count), phrase))
      """
  }

  /// The items that stand out, in all columns.
  private static func items(
    _ ledger: ScoreReport.QueryLedger, number: Int, _ report: ScoreReport
  ) -> Markup? {
    let strongest = ledger.supporters + ledger.opponents
    let numbers = strongest + ledger.shownItems
    guard let leading = ledger.leading, !numbers.isEmpty else { return nil }
    let items = numbers.map(ledger.item)
    let (values, phases) = (ledger.values(numbers), ledger.phases(numbers))
    let rows = ledger.account.columns[leading]?.items ?? []
    let largest = numbers.map { abs(rows[$0]) }.max() ?? 1
    let hasLabels = items.contains { !$0.label.isEmpty }
    let hasGroups = !ledger.groups.isEmpty
    let hasClaims = ledger.account.significance != nil
    let lines = numbers.indices.map { place -> Markup in
      let (item, number) = (items[place], numbers[place])
      let label: Markup? = hasLabels ? "<td>\(item.label.plainLine.clipped(to: 60))</td>" : nil
      let group: Markup? = hasGroups ? "<td>\(item.group.plainLine.clipped(to: 60))</td>" : nil
      let claim: Markup? =
        hasClaims ? "<td class=\"number\">\(ledger.pValue(number) ?? "")</td>" : nil
      let times =
        phases?[place].map { "<td class=\"number quiet time\">\($0)</td>" as Markup } ?? []
      // One that was asked for has its place among all.
      let asked: Markup? =
        place < strongest.count
        ? nil
        : " <span class=\"quiet\">\(ledger.rank(of: number).map(HumanNumber.count) ?? "–") of \(HumanNumber.count(ledger.itemCount))</span>"
      return """
        <tr><th scope="row">\(item.title(clippedTo: 48))\(asked)</th>\(label)\(group)\
        <td class="chart">\(Bar(rows[number], largest: largest).markup)</td>\
        \(ledger.answered.map { numberCell(values[place][$0] ?? "") })\(claim)\(times)</tr>

        """
    }
    func heading(_ name: String, isNumber: Bool = true) -> Markup {
      isNumber
        ? "<th scope=\"col\" class=\"number\">\(name)</th>" : "<th scope=\"col\">\(name)</th>"
    }
    let words =
      (hasLabels ? [heading("label", isNumber: false)] : [])
      + (hasGroups ? [heading("group", isNumber: false)] : [])
    let rest =
      ledger.answered.map { heading($0.rawValue) }
      + (hasClaims
        ? ["<th scope=\"col\" class=\"number symbol\">p</th>" as Markup] : [])
      + (phases == nil
        ? []
        : ledger.shownPhaseNames.map {
          "<th scope=\"col\" class=\"number time\">\($0)</th>" as Markup
        })
    let star = hasClaims ? " An asterisk marks the items that are owed more than a stranger." : ""
    let times: Markup? =
      phases == nil
      ? nil : "<span class=\"time\"> The last columns part \(leading.rawValue) by time.</span>"
    let asked =
      ledger.shownItems.isEmpty
      ? "" : " Those that were asked for stand at the end, with their places among all items."
    return """
      <h3 id="items-\(number)">The items that stand out</h3>
      <p class="quiet">In \(report.method.unitText), strongest first by \(leading.rawValue), which the \
      bars show.\(star)\(times)\(asked)</p>
      <div class="wide" role="region" aria-labelledby="items-\(number)" tabindex="0">
      <table class="items">
      <thead><tr>\(heading("item", isNumber: false))\(words)<td class="chart"></td>\(rest)\
      </tr></thead>
      <tbody>
      \(lines)</tbody>
      </table>
      </div>
      """
  }

  private static func groups(_ ledger: ScoreReport.QueryLedger, number: Int) -> Markup? {
    guard !ledger.groups.isEmpty, let leading = ledger.leading else { return nil }
    let shown = ledger.groupRows(most: mostGroups)
    let largest = shown.map { abs($0.net[leading] ?? 0) }.max() ?? 1
    let numbers = ledger.answered.map { column in
      HumanNumber.column(shown.map { $0.net[column] ?? .nan })
    }
    let rows = shown.enumerated().map { place, group -> Markup in
      return """
        <tr><th scope="row">\(group.name.plainLine.clipped(to: 60))\
        </th><td class="number">\(HumanNumber.count(group.count))</td>\
        <td class="chart">\(Bar(group.net[leading] ?? 0, largest: largest).markup)</td>\
        \(numbers.map { numberCell($0[place]) })\
        <td class="number">\(group.share.map { HumanNumber.percent($0) } ?? "–")</td></tr>

        """
    }
    let headings = ledger.answered.map {
      "<th scope=\"col\" class=\"number\">\($0.rawValue)</th>" as Markup
    }
    return """
      <h3 id="groups-\(number)">By group</h3>
      <div class="wide" role="region" aria-labelledby="groups-\(number)" tabindex="0">
      <table>
      <caption>Sums over the items of each group, the largest gross first.</caption>
      <thead><tr><th scope="col">Group</th><th scope="col" class="number">Items</th>\
      <td class="chart"></td>\(headings)<th scope="col" class="number">Share of gross</th>\
      </tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }

  /// Groups that a page shows.
  private static let mostGroups = 20

  /// What the sentence rests on, for each column.
  private static func statistics(_ ledger: ScoreReport.QueryLedger, number: Int) -> Markup? {
    let columns = ledger.answered.map { ($0, ledger.figures($0)) }.filter { !$0.1.isEmpty }
    guard let first = columns.first else { return nil }
    let rows = first.1.indices.map { place -> Markup in
      let cells = columns.map { "<td class=\"number\">\($0.1[place].value)</td>" as Markup }
      return "<tr><th scope=\"row\">\(first.1[place].name)</th>\(cells)</tr>\n"
    }
    let headings = columns.map {
      "<th scope=\"col\" class=\"number\">\($0.0.rawValue)</th>" as Markup
    }
    let agreement = ledger.correlationSentence.map { "<p>\($0)</p>" as Markup }
    return """
      <details>
      <summary id="figures-\(number)">The figures over all \
      \(HumanNumber.count(ledger.itemCount)) items</summary>
      \(agreement)
      <div class="wide" role="region" aria-labelledby="figures-\(number)" tabindex="0">
      <table class="account">
      <caption>Shares are of the gross, the sum of all rows without their signs.</caption>
      <thead><tr><td></td>\(headings)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </details>
      """
  }

  static func numberCell(_ text: String) -> Markup {
    "<td class=\"number \(text.hasPrefix("−") ? "oppose" : "support")\">\(text)</td>"
  }

  /// A table of all accounts with links to each.
  static func ledgerOverview(_ report: ScoreReport) -> Markup? {
    let ledgers = report.ledgers
    guard let first = ledgers.first else { return nil }
    let hasClaims = first.account.significance != nil
    let rows = ledgers.enumerated().map { index, ledger -> Markup in
      let figures =
        ledger.leadingCocktail.figures
        + (hasClaims ? [ledger.account.significance.map { "\($0.count)" } ?? "–"] : [])
      let cells = figures.map { "<td class=\"number\">\($0)</td>" as Markup }
      return """
        <tr><td class="thumbnail">\(image(ledger.query, size: "small"))</td>\
        <th scope="row"><a href="#query-\(index + 1)">\(ledger.query.id.plainLine)</a></th>\
        <td>\(ledger.query.label.plainLine.clipped(to: 60))</td>\
        <td class="number">\(HumanNumber.significant(ledger.account.measureInitial))</td>\
        <td class="number">\(HumanNumber.significant(ledger.account.measureFinal))</td>\
        <td class="number">\(ledger.residualText)</td>\(cells)</tr>

        """
    }
    let headings =
      ["before", "after", "residual", "contributors", "strongest", "cancelled"]
      + (hasClaims ? ["owed"] : [])
    return """
      <section aria-labelledby="accounts">
      <h2 id="accounts">All accounts</h2>
      <p class="quiet">Before and after: the \(report.measure.rawValue). Residual: its share of the \
      gross movement. \(ScoreReport.concentrationLegend(items: report.itemCount)) \
      \(hasClaims ? ScoreReport.claimLegend : "")</p>
      <div class="wide" role="region" aria-labelledby="accounts" tabindex="0">
      <table>
      <thead><tr><td></td><th scope="col">Query</th><th scope="col">Label</th>\
      \(headings.map { "<th scope=\"col\" class=\"number\">\($0)</th>" as Markup })</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </section>

      """
  }
}
