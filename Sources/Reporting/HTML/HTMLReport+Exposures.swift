import Influence

extension HTMLReport {
  /// How well a model remembers canaries.
  static func markup(of exposures: ScoreReport.Exposures) -> Markup {
    let headings = ScoreReport.Exposures.headings.dropFirst().map {
      "<th scope=\"col\" class=\"number\">\($0)</th>" as Markup
    }
    let rows = exposures.outcomes.map { outcome -> Markup in
      let texts = exposures.cells(outcome)
      let cells = texts.dropFirst().map { "<td class=\"number\">\($0)</td>" as Markup }
      return """
        <tr><th scope="row">\(texts[0].plainLine.clipped(to: 80))</th>\(cells)</tr>

        """
    }
    return """
      <section aria-labelledby="exposure">
      <h2 id="exposure">What is remembered</h2>
      <p>\(exposures.sentence)</p>
      <div class="wide" role="region" aria-labelledby="exposure" tabindex="0">
      <table>
      <caption>\(exposures.legend.plainLine)</caption>
      <thead><tr><th scope="col">secret</th>\(headings)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </section>

      """
  }
}
