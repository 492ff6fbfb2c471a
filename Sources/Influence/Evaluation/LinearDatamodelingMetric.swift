public import TensorCore
import Training

/// How well scores rank what retraining without random items does: the mean
/// ``LinearDatamodelingScore`` of the queries.
///
/// The denominators of the batches stay, as every influence supposes.
public enum LinearDatamodelingMetric: EvaluationMetric {
  /// The name on the command line.
  public static let name = "lds"
  /// One line for listings.
  public static let summary = "rank correlation of scores with retraining without random items"
  /// What a figure of it says.
  public static let legend = "Mean over the queries"
  /// It judges the scores of outputs.
  public static let subject = EvaluationSubject.outputs

  /// Retrains without random subsets of the items, for each share that is left out.
  ///
  /// - Throws: `TrainingError` where a retraining diverges.
  public static func trials<Scalar: TensorScalar>(
    _ setting: EvaluationSetting<Scalar>, pool: WorkerPool,
    progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws -> [EvaluationTrial] {
    let run = setting.run
    let retraining = try BulkRetraining(run, pool: pool)
    let total = setting.fractions.count * setting.subsets
    return try setting.fractions.enumerated().map { number, fraction in
      let subsets = ItemSubsets.removing(
        fraction, of: run.train.items.count, count: setting.subsets, seed: setting.seed)
      let start = ContinuousClock.now
      let outcomes = try retraining.results(
        of: subsets.removed(of: run.train.items.count).map { .removal(Removal($0)) },
        progress: { try progress(number * setting.subsets + $0, total) }
      ) { _, parameters in
        run.model.values(
          of: setting.measure, loss: run.loss, on: setting.queries, at: parameters
        ).map { Double($0) }
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let actual = try outcomes.map { try $0.mapError(\.cause).get() }
      let (isLowerBetter, seed) = (setting.measure.isLowerBetter, setting.seed)
      return EvaluationTrial(
        name: "\(percent(fraction)) % removed", retrainings: subsets.count, seconds: seconds
      ) { scores in
        let score = LinearDatamodelingScore(
          scores: scores, subsets: subsets, actual: actual, isLowerBetter: isLowerBetter,
          seed: seed)
        return EvaluationFigure(
          mean: score.mean, interval: score.interval, queries: score.queries.count { $0 != nil },
          uncounted: score.reasons.compactMap(\.self).reduce(into: [:]) { $0[$1, default: 0] += 1 })
      }
    }
  }

  /// Without the digits that only binary fractions have.
  private static func percent(_ fraction: Double) -> String {
    let percent = (fraction * 1e6).rounded() / 1e4
    return percent == percent.rounded() ? "\(Int(percent))" : "\(percent)"
  }
}

extension ItemSubsets {
  /// The items that each subset leaves out of N.
  fileprivate func removed(of items: Int) -> [[Int]] {
    switch self {
    case .removed(let lists): lists
    case .kept(let lists):
      lists.map { kept in
        let isKept = Set(kept)
        return (0..<items).filter { !isKept.contains($0) }
      }
    }
  }
}
