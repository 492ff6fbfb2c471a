import Influence
import Training

extension HTMLReport {
  /// Cards in a strip; the table holds the rest.
  private static let cards = 12

  /// An item and its score as text.
  typealias Row = (scored: ScoreReport.ScoredItem, score: String)

  /// A query with its strongest items.
  static func markup(
    of scores: ScoreReport.QueryScores, number: Int, _ report: ScoreReport
  ) -> Markup {
    let query = scores.query
    let label: Markup? =
      query.label.isEmpty ? nil : " <span class=\"label\">label \(query.label.plainLine)</span>"
    var text: Markup?
    if case .text(let words) = query.content {
      text = "<blockquote>\(words)</blockquote>"
    }
    let (supporters, opponents) = (scores.supporters, scores.opponents)
    // As many decimals on both sides, so that they compare.
    let items = supporters + opponents
    let rows: [Row] = zip(items, HumanNumber.column(items.map(\.score))).map { ($0, $1) }
    let (first, second) = (rows.prefix(supporters.count), rows.suffix(opponents.count))
    return """
      <section class="query" aria-labelledby="query-\(number)">
      <div class="heading">\(image(query, size: "large"))<div>
      <h2 id="query-\(number)">\(query.id.plainLine)\(label)</h2>
      <p class="measure">\(report.measure.rawValue) \
      <strong>\(HumanNumber.significant(scores.measured))</strong></p>
      <p>\(scores.sentence)</p>
      </div></div>
      \(text)
      \(strip("Supporters", "support", first, "scores \(report.method.unitPhrase)"))
      \(strip("Opponents", "oppose", second, "scores \(report.method.unitPhrase)"))
      \(table(rows, number: number, report))
      \(standings(scores, number: number, report))
      \(figures(scores, report))
      </section>

      """
  }

  /// The pictures or texts of one side, strongest first.
  static func strip(
    _ title: String, _ side: String, _ rows: ArraySlice<Row>, _ phrase: String
  ) -> Markup {
    guard let first = rows.first else {
      return "<h3>\(title)</h3>\n<p class=\"quiet\">None.</p>"
    }
    guard first.scored.item.content != nil else { return "" }
    let cards = rows.prefix(cards).map { scored, score -> Markup in
      var content = image(scored.item, size: "medium")
      if case .text(let words) = scored.item.content {
        content = "<blockquote>\(words.clipped(to: 280))</blockquote>"
      }
      let label: Markup? =
        scored.item.label.isEmpty
        ? nil : "<span>label \(scored.item.label.plainLine.clipped(to: 60))</span>"
      return """
        <li>\(content)<strong class="\(side)">\(score)</strong>\
        <span>\(scored.item.title)</span>\(label)</li>

        """
    }
    return """
      <h3>\(title) <span class="quiet">\(phrase)</span></h3>
      <ol class="strip">
      \(cards)</ol>
      """
  }

  /// Every score of the report with a bar, folded where there are many below pictures or texts.
  private static func table(
    _ rows: [Row], number: Int, _ report: ScoreReport
  ) -> Markup {
    guard !rows.isEmpty else { return "" }
    let items = rows.map(\.scored)
    let largest = items.map { abs($0.score) }.max() ?? 1
    let hasGroups = items.contains { !$0.item.group.isEmpty }
    let lines = rows.map { scored, score -> Markup in
      let group: Markup? =
        hasGroups ? "<td>\(scored.item.group.plainLine.clipped(to: 60))</td>" : nil
      return """
        <tr><th scope="row">\(scored.item.title(clippedTo: 48))</th>\
        <td>\(scored.item.label.plainLine.clipped(to: 60))</td>\(group)\
        <td class="chart">\(Bar(scored.score, largest: largest).markup)</td>\
        <td class="number \(scored.score < 0 ? "oppose" : "support")">\(score)</td></tr>

        """
    }
    let group: Markup? = hasGroups ? "<th scope=\"col\">Group</th>" : nil
    // Where there are no pictures or texts, there is nothing else to see.
    let isFolded = items.count > 2 * cards && items.contains { $0.item.content != nil }
    let open: Markup? = isFolded ? nil : " open=\"open\""
    return """
      <details\(open)>
      <summary id="chart-\(number)">The \(HumanNumber.count(items.count)) strongest scores</summary>
      <div class="wide" role="region" aria-labelledby="chart-\(number)" tabindex="0">
      <table>
      <caption>Scores \(report.method.unitPhrase); bars to the right support, bars to the left \
      oppose.</caption>
      <thead><tr><th scope="col">Item</th><th scope="col">Label</th>\(group)\
      <td class="chart"></td><th scope="col" class="number">Score</th></tr></thead>
      <tbody>
      \(lines)</tbody>
      </table>
      </div>
      </details>
      """
  }

  /// What was asked for, whatever its score.
  private static func standings(
    _ scores: ScoreReport.QueryScores, number: Int, _ report: ScoreReport
  ) -> Markup? {
    guard !scores.shown.isEmpty else { return nil }
    let numbers = HumanNumber.column(scores.shown.map(\.score))
    let rows = zip(scores.shown, numbers).map { standing, text -> Markup in
      """
      <tr><th scope="row">\(standing.title.clipped(to: 60))</th>\
      <td>\(standing.item.label.plainLine.clipped(to: 60))</td>\(numberCell(text))\
      <td class="number">\(standing.placeText(of: report.itemCount))</td>\
      <td class="number">\(standing.share.map { HumanNumber.percent($0) } ?? "–")</td></tr>

      """
    }
    return """
      <h3 id="shown-\(number)">Asked for</h3>
      <div class="wide" role="region" aria-labelledby="shown-\(number)" tabindex="0">
      <table>
      <caption>Scores \(report.method.unitPhrase), and the place among all items from the highest on; \
      of a group the sum over its items.</caption>
      <thead><tr><th scope="col">Item</th><th scope="col">Label</th>\
      <th scope="col" class="number">Score</th><th scope="col" class="number">Place</th>\
      <th scope="col" class="number">Share of gross</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }

  /// What the sentence rests on.
  private static func figures(
    _ scores: ScoreReport.QueryScores, _ report: ScoreReport
  ) -> Markup? {
    guard let cocktail = scores.cocktail, cocktail.gross > 0 else { return nil }
    let unit = report.method.unit.map { " \($0)" } ?? ""
    let facts = [
      ("Net, the sum of all scores", HumanNumber.signed(cocktail.net) + unit),
      ("Gross, the sum without signs", HumanNumber.significant(cocktail.gross) + unit),
      ("Effective contributors, 1 / Σp²", HumanNumber.significant(cocktail.effectiveContributors)),
      (
        "The same by entropy, exp(−Σ p log p)",
        HumanNumber.significant(cocktail.entropyContributors)
      ),
      ("Share of the strongest", HumanNumber.percent(cocktail.topShare)),
      ("Cancelled", HumanNumber.percent(cocktail.cancelledShare)),
    ]
    let rows = facts.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>\n" as Markup }
    return """
      <details>
      <summary>The figures over all \(HumanNumber.count(cocktail.items)) items</summary>
      <p class="quiet">p is an item's share of the gross.</p>
      <dl class="facts">
      \(rows)</dl>
      </details>
      """
  }
}
