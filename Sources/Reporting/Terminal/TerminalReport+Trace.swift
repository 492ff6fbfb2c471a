import Influence
import Training

extension TerminalReport {
  /// An output with the passages behind it.
  static func lines(of traced: ScoreReport.TracedText, _ style: Style) -> [String] {
    let trace = traced.trace
    var lines = [style.paint("The output", .heading)]
    if !traced.prompt.isEmpty {
      lines += wrapped("after “\(traced.prompt.plainLine.clipped(to: 400))”", style)
    }
    lines += wrapped("“\(traced.output.plainLine.clipped(to: 2000))”", style)
    lines += wrapped(
      "\(HumanNumber.count(trace.output.predicted.count)) predicted tokens, log p "
        + "\(HumanNumber.significant(trace.logProbability)) nats.", style)
    lines += wrapped(traced.sentence, style)
    for (number, span) in trace.spans.enumerated() {
      lines += [""] + self.lines(of: span, number: number + 1, traced, style)
    }
    lines += [""] + matches(traced, style) + [""] + tokens(traced, style)
    return lines + wrapped(traced.criteria, style)
  }

  private static func lines(
    of span: TraceSpan, number: Int, _ traced: ScoreReport.TracedText, _ style: Style
  ) -> [String] {
    let verdict = span.verdict.map { "  \($0.rawValue)" } ?? ""
    var lines = [style.paint("Span \(number)", .heading) + verdict]
    lines += wrapped("“\(traced.text(span.bytes).plainLine.clipped(to: 300))”", style)
    lines += wrapped(
      "Log p \(HumanNumber.significant(span.logProbability)) nats. " + traced.verdict(span), style)
    lines += outcomes(span, traced).lines(style)
    lines += rows(
      "passage", traced.passages(span.account, relevance: span.relevance), span.account
    ).lines(style)
    lines += rows(
      "document", traced.documents(span.account, relevance: span.relevance), span.account
    ).lines(style)
    let concentration = ScoreReport.TracedText.concentration(span.account)
    var sentences = [concentration.sentence]
    if let best = traced.mostRelevant(span) {
      sentences.append("BM25 puts \(traced.corpus.id(of: best)) first.")
    }
    if let significance = span.account.significance { sentences.append(significance.sentence) }
    return lines + wrapped(sentences.joined(separator: " "), style)
  }

  private static func outcomes(_ span: TraceSpan, _ traced: ScoreReport.TracedText) -> TextTable {
    let outcomes = span.counterfactuals
    if outcomes.isEmpty { return TextTable(alignments: [.left], rows: []) }
    let after = HumanNumber.column(outcomes.map(\.after), isSigned: false)
    let changes = HumanNumber.column(outcomes.map(\.change))
    let columns = ScoreReport.TracedText.columns(span.account)
    let headings =
      ["trained without", "items", "log p", "change", "by chance", "p/p_safe"]
      + columns.map { "by \($0.rawValue)" }
    return TextTable(
      alignments: [.left] + headings.dropFirst().map { _ in .right },
      rows: [headings.map { .init($0, .faint) }]
        + outcomes.enumerated().map { place, outcome in
          [
            .init(traced.name(outcome, span).clipped(toWidth: 26)),
            .init(HumanNumber.count(outcome.passages.count)), .init(after[place]),
            cell(changes[place]),
            .init(outcome.control.map { HumanNumber.signed($0, digits: 2) } ?? "–", .faint),
            .init(ScoreReport.TracedText.ratio(outcome)),
          ] + columns.map { .init(ScoreReport.TracedText.foreseen(outcome, span, $0), .faint) }
        })
  }

  private static func rows(
    _ name: String, _ rows: [ScoreReport.TracedText.Row], _ account: OutputAccount
  ) -> TextTable {
    let columns = ScoreReport.TracedText.columns(account)
    let numbers = columns.map { column in
      HumanNumber.column(rows.map { $0.values[column] ?? .nan })
    }
    let headings = [name] + columns.map(\.rawValue) + ["share", "BM25"]
    return TextTable(
      alignments: [.left] + headings.dropFirst().map { _ in .right },
      rows: [headings.map { .init($0, .faint) }]
        + rows.enumerated().map { place, row in
          [.init(row.name.clipped(toWidth: 40))] + numbers.map { cell($0[place]) }
            + [
              .init(HumanNumber.percent(row.share)),
              .init(HumanNumber.significant(row.relevance), .faint),
            ]
        })
  }

  private static func matches(_ traced: ScoreReport.TracedText, _ style: Style) -> [String] {
    let matches = traced.trace.matches
    guard !matches.isEmpty else {
      return wrapped(
        "No verbatim match of \(HumanNumber.count(traced.trace.shortestMatch)) bytes or more.",
        style)
    }
    let headings = ["bytes", "bits", "by chance", "places", "first of them", "text"]
    let table = TextTable(
      alignments: [.right, .right, .right, .right, .left, .left],
      rows: [headings.map { .init($0, .faint) }]
        + matches.map { match in
          [
            .init(HumanNumber.count(match.bytes.count)),
            .init(HumanNumber.significant(match.surprise.bits)),
            .init(HumanNumber.significant(match.surprise.expectedOccurrences, digits: 2)),
            .init(HumanNumber.count(match.places.count)),
            .init(match.places.first.map(traced.name)?.clipped(toWidth: 32) ?? ""),
            .init("“\(traced.text(match.bytes).plainLine.clipped(to: 60))”"),
          ]
        })
    return [style.paint("Verbatim matches", .heading)] + table.lines(style)
      + wrapped(
        "By chance: how often a text as long as the documents, of their language, would contain it.",
        style)
  }

  /// Tokens with log p, several in a line.
  private static func tokens(_ traced: ScoreReport.TracedText, _ style: Style) -> [String] {
    let trace = traced.trace
    let cells = trace.output.predicted.map { token in
      let value = trace.logProbability(of: token).map { HumanNumber.decimals($0, 2) } ?? ""
      return "\(traced.tokenText(token).plain.clipped(to: 24))  \(value)"
    }
    let width = (cells.map(\.terminalWidth).max() ?? 1) + 3
    let perLine = max(1, (style.width - 2) / width)
    let lines = stride(from: 0, to: cells.count, by: perLine).map { first in
      "  "
        + cells[first..<min(first + perLine, cells.count)].map {
          $0 + String(repeating: " ", count: width - $0.terminalWidth)
        }.joined()
    }
    return [style.paint("Tokens, log p in nats", .heading)] + lines
  }
}
