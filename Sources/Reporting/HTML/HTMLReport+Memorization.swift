import Influence

extension HTMLReport {
  /// How much of each item was memorised, and which items decide on which.
  static func markup(of memorization: ScoreReport.Memorization) -> Markup {
    """
    <section aria-labelledby="memorization">
    <h2 id="memorization">What was memorised</h2>
    <p>\(memorization.sentence)</p>
    \(entries(memorization))
    </section>
    \(pairs(memorization))
    \(agreements(memorization))

    """
  }

  private static func entries(_ memorization: ScoreReport.Memorization) -> Markup {
    let rows = memorization.shownEntries.map { entry -> Markup in
      let cells = memorization.cells(entry).map { "<td class=\"number\">\($0)</td>" as Markup }
      let bar = Bar(entry.memorization?.value ?? 0, largest: 1)
      return """
        <tr><td class="thumbnail">\(image(entry.item, size: "small"))</td>\
        <th scope="row">\(entry.item.title(clippedTo: 60))</th>\
        <td>\(entry.item.label.plainLine.clipped(to: 60))</td>\
        <td class="chart">\(bar.markup)</td>\(cells)</tr>

        """
    }
    guard !rows.isEmpty else { return "" }
    return """
      <div class="wide" role="region" aria-labelledby="memorization" tabindex="0">
      <table class="items">
      <caption>\(ScoreReport.Memorization.legend)</caption>
      <thead><tr><td></td><th scope="col">Item</th><th scope="col">Label</th>\
      <td class="chart"></td>\(headings(memorization.headings))</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }

  private static func pairs(_ memorization: ScoreReport.Memorization) -> Markup? {
    guard let pairs = memorization.pairs, !pairs.isEmpty else { return nil }
    let rows = pairs.map { pair -> Markup in
      """
      <tr><td class="thumbnail">\(image(pair.item, size: "small"))</td>\
      <th scope="row">\(pair.item.title(clippedTo: 60))</th>\
      <td>\(pair.item.label.plainLine.clipped(to: 60))</td>\
      <td class="thumbnail">\(image(pair.test, size: "small"))</td>\
      <td>\(pair.test.title(clippedTo: 60))</td>\
      <td>\(pair.test.label.plainLine.clipped(to: 60))</td>\
      <td class="number">\(pair.influence.influence.text)</td></tr>

      """
    }
    return """
      <section aria-labelledby="influence">
      <h2 id="influence">Which items decide on which test items</h2>
      <div class="wide" role="region" aria-labelledby="influence" tabindex="0">
      <table>
      <caption>\(ScoreReport.Memorization.pairLegend)</caption>
      <thead><tr><td></td><th scope="col">Item</th><th scope="col">Label</th><td></td>\
      <th scope="col">Test item</th><th scope="col">Label</th>\(headings(["influence"]))</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </section>
      """
  }

  private static func agreements(_ memorization: ScoreReport.Memorization) -> Markup? {
    let agreements = memorization.agreements
    guard !agreements.isEmpty else { return nil }
    let rows = agreements.map { agreement -> Markup in
      """
      <tr><th scope="row">\(agreement.score)</th><td>\(agreement.other)</td>\
      <td class="number">\(agreement.spearman.map { HumanNumber.decimals($0, 3) } ?? "–")</td></tr>

      """
    }
    return """
      <section aria-labelledby="agreement">
      <h2 id="agreement">Whether a cheaper score would do</h2>
      <div class="wide" role="region" aria-labelledby="agreement" tabindex="0">
      <table class="account">
      <caption>\(ScoreReport.Memorization.agreementLegend)</caption>
      <thead><tr><th scope="col">Score</th><th scope="col">Compared with</th>\
      \(headings(["rank correlation"]))</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      \(cloud(memorization)?.markup)
      </section>
      """
  }

  /// Memorisation over the rank of the self-influence.
  private static func cloud(_ memorization: ScoreReport.Memorization) -> Scatter? {
    let items = memorization.entries.compactMap { entry in
      entry.memorization.flatMap { known in
        entry.selfInfluence.map { (cheap: $0, value: known.value) }
      }
    }
    guard items.count > 1 else { return nil }
    let ranks = items.map(\.cheap).averageRanks
    return Scatter(
      title: "Each item: its memorization over the rank of its self-influence.",
      axes: ("self-influence, lowest to highest", "memorization"),
      points: zip(items, ranks).map { item, rank in
        ((rank - 1) / Double(items.count - 1), min(max(item.value, 0), 1))
      })
  }

  private static func headings(_ names: [String]) -> [Markup] {
    names.map { "<th scope=\"col\" class=\"number\">\($0)</th>" }
  }
}
