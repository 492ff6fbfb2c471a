import Influence

extension HTMLReport {
  /// How good the scores of some methods are.
  static func markup(of evaluation: ScoreReport.Evaluation) -> Markup {
    let headings = evaluation.headings.map {
      "<th scope=\"col\" class=\"number\">\($0.plainLine)</th>" as Markup
    }
    let rows = evaluation.methods.map { method -> Markup in
      let cells = evaluation.cells(method).map { "<td class=\"number\">\($0)</td>" as Markup }
      return """
        <tr><th scope="row">\(method.name.plainLine)</th>\(cells)</tr>

        """
    }
    let sentences = evaluation.refusalSentences + evaluation.uncountedSentences
    let refusals = sentences.map { "<p>\($0.plainLine)</p>\n" as Markup }
    return """
      <section aria-label="\(evaluation.metric)">
      <h2>\(evaluation.metric): \(evaluation.summary)</h2>
      <div class="wide" role="region" aria-label="\(evaluation.metric) of each method" tabindex="0">
      <table class="account">
      <caption>\(evaluation.legend)</caption>
      <thead><tr><th scope="col">Method</th>\(headings)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      \(refusals)</section>

      """
  }
}
