import Formats
import Influence

extension JSONLinesReport {
  /// The trials of an evaluation, then a line for each method and trial.
  static func objects(_ evaluation: ScoreReport.Evaluation) -> [JSONValue] {
    let metric = JSONValue.string(evaluation.metric)
    let trials = evaluation.trials.map { trial in
      object([
        ("kind", .string("trial")), ("metric", metric), ("trial", .string(trial.name)),
        ("retrainings", .number(trial.retrainings)), ("seconds", number(trial.seconds)),
      ])
    }
    return trials
      + evaluation.methods.flatMap { method in
        zip(evaluation.trials, method.figures).map { trial, figure in
          object([
            ("kind", .string("evaluation")), ("metric", metric), ("trial", .string(trial.name)),
            ("method", .string(method.name)), ("mean", number(figure.mean)),
            ("low", number(figure.interval?.lowerBound)),
            ("high", number(figure.interval?.upperBound)), ("queries", .number(figure.queries)),
            (
              "refusals",
              .array(
                method.refusals.map {
                  object([("query", .string($0.name)), ("reason", .string($0.value))])
                })
            ),
            (
              "uncounted",
              object(
                EvaluationFigure.Uncounted.allCases.map {
                  ($0.rawValue, .number(figure.uncounted[$0] ?? 0))
                })
            ),
            ("seconds", number(method.seconds)),
          ])
        }
      }
  }
}
