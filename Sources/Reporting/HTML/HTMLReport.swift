import Influence
import Training

/// One page that stands for itself: no script, nothing from the network, readable from disk.
///
/// The markup is well-formed XML as well. A content security policy forbids everything but the
/// page's own style and the pictures inside it.
public enum HTMLReport {
  static let format = ReportFormat(
    name: "html", fileExtension: "html",
    summary: "one self-contained page with pictures and charts", render: render)

  /// The most outputs that are shown.
  public static let mostOutputs = 2000

  /// The whole page.
  ///
  /// Of more outputs than ``mostOutputs`` the first are shown, and a note says so.
  public static func render(_ report: ScoreReport) -> String {
    let report = report.cut(toOutputs: mostOutputs)
    var number = 0
    let sections = report.sections.map { section -> Markup in
      switch section {
      case .query(let query):
        number += 1
        return markup(of: query, number: number, report)
      case .ledger(let ledger):
        number += 1
        return markup(of: ledger, number: number, report)
      case .receipts(let receipts):
        return markup(of: receipts)
      case .evaluation(let evaluation):
        return markup(of: evaluation)
      case .dilution(let dilution):
        return markup(of: dilution)
      case .inversion(let inversion):
        return markup(of: inversion)
      case .trace(let trace):
        return markup(of: trace)
      case .memorization(let part):
        return markup(of: part)
      case .exposures(let part):
        return markup(of: part)
      case .selfInfluence(let part):
        return markup(of: part)
      }
    }
    let page: Markup = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta http-equiv="Content-Security-Policy" \
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      <meta name="generator" content="Palimpsest \(report.provenance.version)"/>
      <title>\(report.title.plainLine)</title>
      <style>
      \(stylesheet)
      </style>
      </head>
      <body>
      <a class="skip" href="#results">Skip to the results</a>
      <header>
      \(head(report))
      </header>
      <main id="results">
      \(ledgerOverview(report))
      \(overview(report))
      \(sections)
      </main>
      <footer>
      \(foot(report))
      </footer>
      </body>
      </html>

      """
    return page.html
  }

  private static func head(_ report: ScoreReport) -> Markup {
    let notes = report.notes.map { "<li>\($0)</li>\n" as Markup }
    let list: Markup? =
      notes.isEmpty
      ? nil
      : """
      <section class="notes" aria-labelledby="notes">
      <h2 id="notes">What to know first</h2>
      <ul>
      \(notes)</ul>
      </section>
      """
    return """
      <h1>\(report.title.plainLine)</h1>
      <p class="lead">\(report.signSentence)</p>
      \(factList(report.setting))
      \(list)
      """
  }

  /// A table of all queries with links to each.
  private static func overview(_ report: ScoreReport) -> Markup? {
    let queries = report.queries
    guard !queries.isEmpty else {
      return report.queryCount == 0 && !report.isOfMemorization && !report.isOfSelfInfluence
        ? "<section><h2>Queries</h2><p>There are no queries.</p></section>" : nil
    }
    let rows = queries.enumerated().map { index, scores -> Markup in
      let figures = scores.cocktail.figures.map { "<td class=\"number\">\($0)</td>" as Markup }
      return """
        <tr><td class="thumbnail">\(image(scores.query, size: "small"))</td>\
        <th scope="row"><a href="#query-\(index + 1)">\(scores.query.id.plainLine)</a></th>\
        <td>\(scores.query.label.plainLine.clipped(to: 60))</td>\
        <td class="number">\(HumanNumber.significant(scores.measured))</td>\(figures)</tr>

        """
    }
    return """
      <section aria-labelledby="overview">
      <h2 id="overview">All outputs</h2>
      <p class="quiet">\(ScoreReport.concentrationLegend(items: report.itemCount))</p>
      <div class="wide" role="region" aria-labelledby="overview" tabindex="0">
      <table>
      <thead><tr><td></td><th scope="col">Query</th><th scope="col">Label</th>\
      <th scope="col" class="number">\(report.measure.rawValue)</th>\
      <th scope="col" class="number">Contributors</th>\
      <th scope="col" class="number">Strongest</th>\
      <th scope="col" class="number">Cancelled</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      </section>

      """
  }

  private static func foot(_ report: ScoreReport) -> Markup {
    let measure = report.isOfMemorization ? "" : " for the measure \(report.measure.rawValue)"
    let citation =
      "Results of the method \(report.method.name)\(measure), computed with Palimpsest "
      + "\(report.provenance.version)."
    let times = report.evaluations.isEmpty ? "" : ", but for times"
    return """
      <section aria-labelledby="provenance">
      <h2 id="provenance">Where the numbers come from</h2>
      \(factList(report.provenance.facts))
      </section>
      <section aria-labelledby="reproduce">
      <h2 id="reproduce">How to reproduce and cite</h2>
      <p>On one kind of processor this command gives the same numbers to the last bit\(times):</p>
      <pre tabindex="0"><code>\(report.provenance.command)</code></pre>
      <p>Cite as: \(citation)</p>
      </section>
      """
  }

  private static func factList(_ facts: [ScoreReport.Fact]) -> Markup {
    guard !facts.isEmpty else { return "" }
    let rows = facts.map { fact -> Markup in
      "<div><dt>\(fact.name.plainLine)</dt><dd>\(fact.value)</dd></div>\n"
    }
    return "<dl class=\"facts\">\n\(rows)</dl>"
  }

  /// The picture of an item, nil where it has none.
  static func image(_ item: ScoreReport.Item, size: String) -> Markup? {
    guard case .image(let image) = item.content else { return nil }
    let label = item.label.isEmpty ? "" : ", label \(item.label.plainLine)"
    return """
      <img class="\(size)" src="\(PNG.dataURI(image))" width="\(image.width)" \
      height="\(image.height)" alt="\(item.id.plainLine)\(label)"/>
      """
  }
}
