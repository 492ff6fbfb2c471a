import Influence

extension CSVReport {
  /// A row for each method and trial.
  static func table(of evaluations: [ScoreReport.Evaluation]) -> String {
    line([
      "metric", "method", "trial", "mean", "low", "high", "queries", "refused", "seconds",
      "retrainings", "retraining_seconds",
    ])
      + evaluations.flatMap { evaluation in
        evaluation.methods.flatMap { method in
          zip(evaluation.trials, method.figures).map { trial, figure in
            line([
              text(evaluation.metric), text(method.name), text(trial.name), cell(figure.mean),
              cell(figure.interval?.lowerBound), cell(figure.interval?.upperBound),
              "\(figure.queries)", "\(method.refusals.count)", cell(method.seconds),
              "\(trial.retrainings)", cell(trial.seconds),
            ])
          }
        }
      }.joined()
  }
}
