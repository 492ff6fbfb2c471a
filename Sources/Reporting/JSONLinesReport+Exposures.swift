import Formats
import Influence

extension JSONLinesReport {
  /// The whole, then a line for each canary.
  static func objects(_ exposures: ScoreReport.Exposures) -> [JSONValue] {
    let whole = object([
      ("kind", .string("exposure")), ("template", .string(exposures.template)),
      ("bits", number(exposures.bits)), ("references", .number(exposures.references)),
      ("canaries", .number(exposures.outcomes.count)), ("sentence", .string(exposures.sentence)),
    ])
    return [whole]
      + exposures.outcomes.map { outcome in
        object([
          ("kind", .string("canary")),
          ("text", .string(String(decoding: outcome.text, as: UTF8.self))),
          ("repetitions", .number(outcome.canary.repetitions)),
          ("logPerplexity", number(outcome.logPerplexity)),
          ("rank", .number(outcome.exposure.rank)),
          ("interpolated", number(outcome.exposure.interpolated)),
          ("extrapolated", number(outcome.exposure.extrapolated)),
          ("isGreedilyExtractable", .bool(outcome.extractability.isGreedy)),
          ("probability", number(exposures.probability)),
          (
            "attempts",
            number(outcome.extractability.attempts(probability: exposures.probability))
          ),
        ])
      }
  }
}

extension CSVReport {
  /// A row for each canary.
  static func table(of exposures: ScoreReport.Exposures) -> String {
    line([
      "canary", "repetitions", "log_perplexity", "rank", "references", "interpolated",
      "extrapolated", "greedy", "attempts", "probability",
    ])
      + exposures.outcomes.map { outcome in
        let attempts = outcome.extractability.attempts(probability: exposures.probability)
        return line([
          text(String(decoding: outcome.text, as: UTF8.self)), "\(outcome.canary.repetitions)",
          cell(outcome.logPerplexity), "\(outcome.exposure.rank)", "\(exposures.references)",
          cell(outcome.exposure.interpolated), cell(outcome.exposure.extrapolated),
          outcome.extractability.isGreedy ? "1" : "0", attempts.isFinite ? cell(attempts) : "",
          cell(exposures.probability),
        ])
      }.joined()
  }
}
