extension HTMLReport {
  /// The highest self-influences with bars, then those that were asked for.
  static func markup(of part: ScoreReport.SelfInfluence) -> Markup {
    let chosen = part.order.prefix(part.shown).map { (number: $0, item: part.item($0)) }
    let numbers = HumanNumber.column(
      chosen.map { part.values[$0.number] } + part.standings.map(\.score))
    let largest = part.values.map { abs($0) }.max() ?? 1
    func row(
      _ rank: String, _ title: String, _ item: ScoreReport.Item, _ value: Double, _ text: String
    ) -> Markup {
      """
      <tr><td class="number">\(rank)</td><td class="thumbnail">\(image(item, size: "small"))</td>\
      <th scope="row">\(title.clipped(to: 60))</th>\
      <td>\(item.label.plainLine.clipped(to: 60))</td>\
      <td>\(item.group.plainLine.clipped(to: 60))</td>\
      <td class="chart">\(Bar(value, largest: largest).markup)</td>\
      <td class="number">\(text)</td></tr>

      """
    }
    let top = chosen.enumerated().map { place, entry in
      row(
        "\(place + 1)", entry.item.title, entry.item, part.values[entry.number], numbers[place])
    }
    let asked = part.standings.enumerated().map { place, standing in
      row(
        standing.placeText(of: part.values.count), standing.title, standing.item, standing.score,
        numbers[chosen.count + place])
    }
    return """
      <section aria-labelledby="self-influence">
      <h2 id="self-influence">Self-influence</h2>
      <p>\(part.sentence)</p>
      \(table("The highest values", top))
      \(table("Asked for; of a group the sum over its items", asked))
      </section>

      """
  }

  private static func table(_ caption: String, _ rows: [Markup]) -> Markup? {
    guard !rows.isEmpty else { return nil }
    return """
      <div class="wide" role="region" aria-label="\(caption)" tabindex="0">
      <table>
      <caption>\(caption)</caption>
      <thead><tr><th scope="col" class="number">Place</th><td></td><th scope="col">Item</th>\
      <th scope="col">Label</th><th scope="col">Group</th><td class="chart"></td>\
      <th scope="col" class="number">Value</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }
}
