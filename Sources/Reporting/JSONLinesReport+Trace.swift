import Formats
import Influence
import Training

extension JSONLinesReport {
  /// A line for the output, one for each span, and one for each account where these are not the spans'.
  static func objects(_ traced: ScoreReport.TracedText) -> [JSONValue] {
    let trace = traced.trace
    let ownUnits = trace.units != trace.spans.map(\.tokens)
    return [output(traced)]
      + trace.spans.enumerated().map { number, span in self.span(number, span, traced) }
      + (ownUnits
        ? zip(trace.units, trace.accounts).map { unit, account in
          object(
            [("kind", .string("trace-account")), ("tokens", range(unit))]
              + members(account, [], traced))
        } : [])
  }

  private static func output(_ traced: ScoreReport.TracedText) -> JSONValue {
    let trace = traced.trace
    let tokens = trace.output.tokens.indices.map { token in
      object([
        ("token", .number(trace.output.tokens[token])),
        ("bytes", range(trace.output.bytes(of: token..<token + 1))),
        ("text", .string(traced.text(trace.output.bytes(of: token..<token + 1)))),
        ("logProbability", number(trace.logProbability(of: token))),
        ("isPrompt", .bool(token < trace.output.promptCount)),
      ])
    }
    return object([
      ("kind", .string("trace")), ("prompt", .string(traced.prompt)),
      ("output", .string(traced.output)), ("outputBytes", range(trace.output.outputBytes)),
      ("logProbability", number(trace.logProbability)), ("tokens", .array(tokens)),
      ("matches", .array(trace.matches.map { match($0, traced) })),
      ("retrainings", .number(trace.retrainings)), ("sentence", .string(traced.sentence)),
      (
        "thresholds",
        object([
          ("leastBits", number(trace.thresholds.leastBits)),
          ("leastCopiedShare", number(trace.thresholds.leastCopiedShare)),
          ("leastDrop", number(trace.thresholds.leastDrop)),
          ("controlFactor", number(trace.thresholds.controlFactor)),
          ("shortestMatch", .number(trace.shortestMatch)),
        ])
      ),
    ])
  }

  private static func match(_ match: VerbatimMatch, _ traced: ScoreReport.TracedText) -> JSONValue {
    object([
      ("bytes", range(match.bytes)), ("text", .string(traced.text(match.bytes))),
      ("bits", number(match.surprise.bits)),
      ("expectedOccurrences", number(match.surprise.expectedOccurrences)),
      (
        "places",
        .array(
          match.places.map { place in
            object([
              ("document", .string(traced.corpus.documents[place.document].path)),
              ("bytes", range(place.bytes)),
            ])
          })
      ),
    ])
  }

  private static func span(
    _ number: Int, _ span: TraceSpan, _ traced: ScoreReport.TracedText
  ) -> JSONValue {
    let corpus = traced.corpus
    let source = object([
      ("passage", .string(corpus.id(of: span.source.passage))),
      ("isMatched", .bool(span.source.isMatched)),
      ("copies", .array(span.source.copies.map { .string(corpus.id(of: $0)) })),
      ("documents", .array(span.source.documents.map { .string(corpus.documents[$0].path) })),
      ("credit", self.number(span.holding(.credit, of: span.source.copies))),
    ])
    let outcomes = span.counterfactuals.map { outcome in
      object([
        ("without", .string(outcome.kind.rawValue)), ("name", .string(traced.name(outcome, span))),
        ("passages", .number(outcome.passages.count)),
        ("logProbability", self.number(outcome.after)), ("change", self.number(outcome.change)),
        ("logRatio", self.number(outcome.logRatio)), ("control", self.number(outcome.control)),
        (
          "predicted",
          object(
            LedgerColumn.allCases.map { column in
              (
                column.rawValue,
                self.number(span.holding(column, of: outcome.passages).map { -$0 })
              )
            })
        ),
      ])
    }
    return object(
      [
        ("kind", .string("trace-span")), ("span", .number(number)),
        ("tokens", range(span.tokens)), ("bytes", range(span.bytes)),
        ("text", .string(traced.text(span.bytes))),
        ("logProbability", self.number(span.logProbability)),
        ("verdict", span.verdict.map { .string($0.rawValue) } ?? .null),
        ("sentence", .string(traced.verdict(span))),
        ("copiedShare", self.number(span.copiedShare)),
        ("match", span.match.map { match($0, traced) } ?? .null), ("source", source),
        ("counterfactuals", .array(outcomes)),
        (
          "mostRelevant",
          traced.mostRelevant(span).map { .string(corpus.id(of: $0)) } ?? .null
        ),
      ] + members(span.account, span.relevance, traced))
  }

  /// Passages and documents of an account, and how concentrated its credit is.
  private static func members(
    _ account: OutputAccount, _ relevance: [Double], _ traced: ScoreReport.TracedText
  ) -> [(name: String, value: JSONValue)] {
    let concentration = ScoreReport.TracedText.concentration(account)
    func rows(_ rows: [ScoreReport.TracedText.Row]) -> JSONValue {
      .array(
        rows.map { row in
          object(
            [
              ("name", .string(row.name)), ("number", .number(row.number)),
              ("share", number(row.share)),
              ("bm25", number(relevance.isEmpty ? nil : row.relevance)),
            ] + row.values.map { ($0.key.rawValue, number($0.value)) })
        })
    }
    let residual = account.columns[.credit]?.relativeResidual
    return [
      ("measureInitial", number(account.measureInitial)),
      ("measureFinal", number(account.measureFinal)),
      ("effectiveContributors", number(concentration.effectiveContributors)),
      ("topShare", number(concentration.topShare)), ("relativeResidual", number(residual)),
      (
        "significantPassages",
        account.significance.map { .number($0.count) } ?? .null
      ),
      ("passages", rows(traced.passages(account, relevance: relevance))),
      ("documents", rows(traced.documents(account, relevance: relevance))),
    ]
  }

  private static func range(_ range: Range<Int>) -> JSONValue {
    .array([.number(range.lowerBound), .number(range.upperBound)])
  }
}
