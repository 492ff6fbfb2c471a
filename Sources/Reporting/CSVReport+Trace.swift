import Influence

extension CSVReport {
  /// A row for each span and each of its strongest passages.
  static func table(of traces: [ScoreReport.TracedText]) -> String {
    line([
      "span", "text", "log_p", "verdict", "bits", "change_without_document",
      "change_without_copies", "rank", "passage", "credit", "marginal", "share", "bm25",
    ])
      + traces.flatMap { traced in
        traced.trace.spans.enumerated().flatMap { number, span in
          traced.passages(span.account, relevance: span.relevance).enumerated().map { rank, row in
            line([
              "\(number + 1)", text(traced.text(span.bytes)), cell(span.logProbability),
              text(span.verdict?.rawValue ?? ""), cell(span.match?.surprise.bits),
              cell(span.counterfactual(.document)?.change),
              cell(span.counterfactual(.copies)?.change), "\(rank + 1)", text(row.name),
              cell(row.values[.credit]), cell(row.values[.marginal]), cell(row.share),
              cell(row.relevance),
            ])
          }
        }
      }.joined()
  }
}
