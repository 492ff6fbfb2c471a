import Influence
import TensorCore
import Training

extension HTMLReport {
  /// An output with the passages behind it.
  ///
  /// Each token is a link to the account that it is in, so that it can be chosen by mouse and keyboard
  /// without a script.
  static func markup(of traced: ScoreReport.TracedText) -> Markup {
    let trace = traced.trace
    let spans = trace.spans.enumerated().map { number, span in
      self.span(span, number: number + 1, traced)
    }
    let prompt: Markup? =
      traced.prompt.isEmpty ? nil : "<span class=\"prompt\">\(traced.prompt)</span>"
    return """
      <section class="trace" aria-labelledby="trace">
      <h2 id="trace">The output</h2>
      <p>\(traced.sentence)</p>
      <p class="output">\(prompt)\(first(traced))\
      \(trace.output.predicted.map { self.token($0, traced) })</p>
      \(legend)
      <p class="quiet">\(HumanNumber.count(trace.output.predicted.count)) predicted tokens, log p \
      \(HumanNumber.significant(trace.logProbability)) nats. Choose a token to see what is behind it.</p>
      \(ownAccounts(traced) ? units(traced) : [])
      </section>
      \(spans)
      \(matches(traced))
      <section aria-labelledby="criteria">
      <h2 id="criteria">What the verdicts rest on</h2>
      <p>\(traced.criteria)</p>
      </section>

      """
  }

  // MARK: Tokens

  /// Effective contributors up to which a token has a shade, the darkest first.
  private static let shades: [Double] = [2, 5, 15, 50, 150]

  private static func shade(_ contributors: Double) -> Int {
    shades.count - (shades.firstIndex { contributors <= $0 } ?? shades.count)
  }

  private static func ownAccounts(_ traced: ScoreReport.TracedText) -> Bool {
    traced.trace.units != traced.trace.spans.map(\.tokens)
  }

  /// The first token of all, which nothing predicts.
  private static func first(_ traced: ScoreReport.TracedText) -> Markup? {
    let output = traced.trace.output
    guard output.promptCount == 0 else { return nil }
    return """
      <span class="prompt" title="no prediction: nothing stands before it">\
      \(visible(traced.text(output.bytes(of: 0..<1))))</span>
      """
  }

  private static func token(_ token: Int, _ traced: ScoreReport.TracedText) -> Markup {
    let trace = traced.trace
    guard let unit = traced.unit(of: token) else { return "" }
    let span = trace.spans.firstIndex { $0.tokens.contains(token) } ?? 0
    let concentration = ScoreReport.TracedText.concentration(trace.accounts[unit])
    let verdict = trace.spans[span].verdict.map(style) ?? ""
    let target = ownAccounts(traced) ? "account-of-\(unit + 1)" : "span-\(span + 1)"
    let value = trace.logProbability(of: token).map { HumanNumber.decimals($0, 2) } ?? ""
    return """
      <a class="token shade-\(shade(concentration.effectiveContributors)) \(verdict)" \
      href="#\(target)" title="log p \(value), \
      \(HumanNumber.significant(concentration.effectiveContributors, digits: 2)) contributors">\
      \(visible(traced.text(trace.output.bytes(of: token..<token + 1))))</a>
      """
  }

  /// A text whose line breaks can be chosen too.
  private static func visible(_ text: String) -> String {
    text.plain.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "⏎\n")
  }

  private static func style(_ verdict: Verdict) -> String {
    switch verdict {
    case .copiedAndCaused: "copied-caused"
    case .availableElsewhere: "copied-elsewhere"
    case .causedNotCopied: "caused"
    case .neither: "neither"
    }
  }

  private static var legend: Markup {
    let texts = shades.map { "up to \(HumanNumber.count(Int($0)))" } + ["more"]
    let samples = texts.enumerated().map { number, text -> Markup in
      "<li><span class=\"token shade-\(shades.count - number)\">\(text)</span></li>"
    }
    let verdicts = Verdict.allCases.map { verdict -> Markup in
      "<li><span class=\"token \(style(verdict))\">\(verdict.rawValue)</span></li>"
    }
    return """
      <ul class="legend" aria-label="Shades"><li>passages that share the credit:</li>\(samples)</ul>
      <ul class="legend" aria-label="Underlines"><li>verdict:</li>\(verdicts)</ul>
      """
  }

  /// The passages of each token; the one that was chosen is shown.
  private static func units(_ traced: ScoreReport.TracedText) -> [Markup] {
    let trace = traced.trace
    return zip(trace.units, trace.accounts).enumerated().map { number, unit in
      let (tokens, account) = unit
      let text = traced.text(trace.output.bytes(of: tokens))
      let span = trace.spans.firstIndex { $0.tokens.overlaps(tokens) } ?? 0
      return """
        <section class="chosen" id="account-of-\(number + 1)" tabindex="-1" \
        aria-label="Passages behind a token">
        <h3>Behind “\(text.plainLine)” <a class="quiet" href="#span-\(span + 1)">in span \
        \(span + 1)</a></h3>
        <p class="quiet">\(ScoreReport.TracedText.concentration(account).sentence)</p>
        \(table("passage", traced.passages(account), account, hasRelevance: false))
        </section>

        """
    }
  }

  // MARK: Spans

  private static func span(
    _ span: TraceSpan, number: Int, _ traced: ScoreReport.TracedText
  ) -> Markup {
    let verdict = span.verdict.map { ": \($0.rawValue)" } ?? ""
    let passages = traced.passages(span.account, relevance: span.relevance)
    let documents = traced.documents(span.account, relevance: span.relevance)
    var sentences = [ScoreReport.TracedText.concentration(span.account).sentence]
    if let best = traced.mostRelevant(span) {
      sentences.append("BM25 puts \(traced.corpus.id(of: best)) first.")
    }
    if let significance = span.account.significance { sentences.append(significance.sentence) }
    return """
      <section class="query" id="span-\(number)" tabindex="-1" aria-labelledby="span-title-\(number)">
      <h2 id="span-title-\(number)">Span \(number)\(verdict)</h2>
      <blockquote>\(traced.text(span.bytes))</blockquote>
      <p class="measure">log p <strong>\(HumanNumber.significant(span.logProbability))</strong></p>
      <p>\(traced.verdict(span))</p>
      \(outcomes(span, number: number, traced))
      <h3 id="passages-\(number)">The passages with most credit</h3>
      <p>\(sentences.joined(separator: " "))</p>
      <p class="quiet">\(ScoreReport.TracedText.columnLegend)</p>
      \(table("passage", passages, span.account, hasRelevance: true))
      \(texts(passages, span, traced))
      <h3 id="documents-\(number)">The documents with most credit</h3>
      \(table("document", documents, span.account, hasRelevance: true))
      </section>

      """
  }

  private static func outcomes(
    _ span: TraceSpan, number: Int, _ traced: ScoreReport.TracedText
  ) -> Markup? {
    let outcomes = span.counterfactuals
    guard !outcomes.isEmpty else { return nil }
    let after = HumanNumber.column(outcomes.map(\.after), isSigned: false)
    let changes = HumanNumber.column(outcomes.map(\.change))
    let largest = outcomes.map { abs($0.change) }.max() ?? 1
    let columns = ScoreReport.TracedText.columns(span.account)
    let rows = outcomes.enumerated().map { place, outcome -> Markup in
      let foreseen = columns.map { column -> Markup in
        "<td class=\"number quiet\">\(ScoreReport.TracedText.foreseen(outcome, span, column))</td>"
      }
      return """
        <tr><th scope="row">\(traced.name(outcome, span).plainLine)</th>\
        <td class="number">\(HumanNumber.count(outcome.passages.count))</td>\
        <td class="chart">\(Bar(outcome.change, largest: largest > 0 ? largest : 1).markup)</td>\
        <td class="number">\(after[place])</td>\(numberCell(changes[place]))\
        <td class="number quiet">\(outcome.control.map { HumanNumber.signed($0, digits: 2) } ?? "–")</td>\
        <td class="number">\(ScoreReport.TracedText.ratio(outcome))</td>\(foreseen)</tr>

        """
    }
    return """
      <h3 id="without-\(number)">Trained again without</h3>
      <p class="quiet">Log p of the span in nats. By chance: the change without as many other passages. \
      p/p_safe: how many times more probable the model makes the span than a model that never saw them. \
      The last columns: the change that the accounts foresee.</p>
      <div class="wide" role="region" aria-labelledby="without-\(number)" tabindex="0">
      <table class="outcomes">
      <thead><tr><th scope="col">Without</th><th scope="col" class="number">Passages</th>\
      <td class="chart"></td><th scope="col" class="number">Log p</th>\
      <th scope="col" class="number">Change</th><th scope="col" class="number">By chance</th>\
      <th scope="col" class="number symbol">p/p_safe</th>\
      \(columns.map { "<th scope=\"col\" class=\"number\">\($0.rawValue)</th>" as Markup })</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
  }

  private static func table(
    _ name: String, _ rows: [ScoreReport.TracedText.Row], _ account: OutputAccount,
    hasRelevance: Bool
  ) -> Markup {
    let columns = ScoreReport.TracedText.columns(account)
    let numbers = columns.map { column in
      HumanNumber.column(rows.map { $0.values[column] ?? .nan })
    }
    let largest = rows.map { abs($0.values[.credit] ?? 0) }.max() ?? 1
    let lines = rows.enumerated().map { place, row -> Markup in
      let relevance: Markup? =
        hasRelevance
        ? "<td class=\"number quiet\">\(HumanNumber.significant(row.relevance))</td>" : nil
      return """
        <tr><th scope="row">\(row.name.plainLine.clipped(to: 60))</th>\
        <td class="chart">\(Bar(row.values[.credit] ?? 0, largest: largest > 0 ? largest : 1).markup)</td>\
        \(numbers.map { numberCell($0[place]) })\
        <td class="number">\(HumanNumber.percent(row.share))</td>\(relevance)</tr>

        """
    }
    let headings =
      (columns.map(\.rawValue) + ["share"] + (hasRelevance ? ["BM25"] : [])).map {
        "<th scope=\"col\" class=\"number\">\($0)</th>" as Markup
      }
    return """
      <div class="wide" role="region" aria-label="The \(name)s with most credit" tabindex="0">
      <table class="items">
      <thead><tr><th scope="col">\(name)</th><td class="chart"></td>\(headings)</tr></thead>
      <tbody>
      \(lines)</tbody>
      </table>
      </div>
      """
  }

  // MARK: Passages

  /// The fewest bytes that are marked in a passage.
  private static let shortestMark = 8

  /// The texts of passages, with what they share with a span marked.
  private static func texts(
    _ rows: [ScoreReport.TracedText.Row], _ span: TraceSpan, _ traced: ScoreReport.TracedText
  ) -> Markup {
    let string = Array(traced.trace.output.bytes[span.bytes])
    let cards = rows.map { row -> Markup in
      """
      <li><p class="quiet">\(row.name.plainLine)</p>\
      <blockquote>\(marked(Array(traced.corpus.bytes(of: row.number)), string))</blockquote></li>

      """
    }
    return """
      <details open="open">
      <summary>Their texts; what stands in the span too is marked</summary>
      <ol class="passages">
      \(cards)</ol>
      </details>
      """
  }

  private static func marked(_ passage: [UInt8], _ string: [UInt8]) -> [Markup] {
    func text(_ bytes: Range<Int>) -> Markup {
      Markup(text: String(decoding: passage[bytes], as: UTF8.self))
    }
    guard let index = SuffixArray(documents: [string]) else { return [text(0..<passage.count)] }
    let matches = index.longestMatches(
      in: passage, shortest: shortestMark, model: SurpriseModel(index))
    var parts: [Markup] = []
    var end = 0
    for match in matches where match.bytes.upperBound > end {
      let start = max(end, match.bytes.lowerBound)
      parts.append(text(end..<start))
      parts.append("<mark>\(text(start..<match.bytes.upperBound))</mark>")
      end = match.bytes.upperBound
    }
    return parts + [text(end..<passage.count)]
  }

  // MARK: Matches

  private static func matches(_ traced: ScoreReport.TracedText) -> Markup {
    let matches = traced.trace.matches
    let none = "No stretch of \(HumanNumber.count(traced.trace.shortestMatch)) bytes or more."
    let rows = matches.map { match -> Markup in
      let places = match.places.prefix(mostPlaces).map(traced.name).joined(separator: ", ")
      let more = match.places.count - mostPlaces
      return """
        <tr><td class="number">\(HumanNumber.count(match.bytes.count))</td>\
        <td class="number">\(HumanNumber.significant(match.surprise.bits))</td>\
        <td class="number">\
        \(HumanNumber.significant(match.surprise.expectedOccurrences, digits: 2))</td>\
        <td class="words">“\(traced.text(match.bytes).plainLine.clipped(to: 120))”</td>\
        <td class="words">\(places.plainLine)\
        \(more > 0 ? " and \(HumanNumber.count(more)) more" : "")</td></tr>

        """
    }
    let table: Markup = """
      <div class="wide" role="region" aria-labelledby="matches" tabindex="0">
      <table>
      <caption>Surprise: −log₂ of the probability of the string in the language of the documents. By \
      chance: how often a text as long as the documents would contain it.</caption>
      <thead><tr><th scope="col" class="number">Bytes</th><th scope="col" class="number">Bits</th>\
      <th scope="col" class="number">By chance</th><th scope="col">Text</th>\
      <th scope="col">Where</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      """
    return """
      <section aria-labelledby="matches">
      <h2 id="matches">Verbatim matches</h2>
      \(matches.isEmpty ? "<p>\(none)</p>" : table)
      </section>

      """
  }

  /// Places of a match that a page names.
  private static let mostPlaces = 5
}
