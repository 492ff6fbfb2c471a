public import TensorCore
import Training

/// How well the scores of items for their own outputs find those whose labels are wrong.
///
/// An item with a wrong label has no others to learn it from: it must be learnt by heart.
public enum MislabelMetric: EvaluationMetric {
  /// The name on the command line.
  public static let name = "mislabel"
  /// One line for listings.
  public static let summary = "finding items with wrong labels by their scores for themselves"
  /// What a figure of it says.
  public static let legend =
    "Area: the chance that an item with a wrong label scores higher than one with a right label, "
    + "0.5 for scores that know nothing. Found: the share of the wrong labels among the items of the "
    + "highest scores"
  /// It judges the scores of items.
  public static let subject = EvaluationSubject.items

  /// Compares with the items that are known to have wrong labels; nothing is trained.
  ///
  /// - Throws: ``ScoreError/mismatch(_:)`` where none are known, or all.
  public static func trials<Scalar: TensorScalar>(
    _ setting: EvaluationSetting<Scalar>, pool: WorkerPool,
    progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws -> [EvaluationTrial] {
    let (count, mislabeled) = (setting.run.train.items.count, Set(setting.mislabeled ?? []))
    let wanted = (0..<count).map { mislabeled.contains($0) }
    guard wanted.contains(true), wanted.contains(false) else {
      throw ScoreError.mismatch(
        "mislabel: found \(mislabeled.count) of \(count) items with wrong labels, expected some and "
          + "not all")
    }
    return [
      EvaluationTrial(name: "area under the curve", retrainings: 0, seconds: 0) { scores in
        let area = RankingArea(scores: scores[0], wanted: wanted)
        return EvaluationFigure(mean: area?.value, interval: area?.interval, queries: count)
      },
      EvaluationTrial(name: "found in the first \(mislabeled.count)", retrainings: 0, seconds: 0) {
        let row = $0[0]
        guard !row.contains(where: \.isNaN) else {
          return EvaluationFigure(mean: nil, interval: nil, queries: count)
        }
        let first = row.indices.sorted { (row[$0], $1) > (row[$1], $0) }.prefix(mislabeled.count)
        return EvaluationFigure(
          mean: Double(first.count { wanted[$0] }) / Double(mislabeled.count), interval: nil,
          queries: count)
      },
    ]
  }
}
