import Influence

extension CSVReport {
  /// A row for each training item.
  static func table(of memorization: ScoreReport.Memorization) -> String {
    line([
      "item", "item_id", "label", "group", "memorization", "memorization_low",
      "memorization_high", "counterfactual", "counterfactual_low", "counterfactual_high",
      "accuracy_inside", "accuracy_outside", "self_influence", "ledger_share", "models",
    ])
      + memorization.entries.map { entry in
        line(
          [
            "\(entry.number)", text(entry.item.id), text(entry.item.label),
            text(entry.item.group),
          ] + cells(entry.memorization) + cells(entry.counterfactual)
            + [
              cell(entry.accuracyInside), cell(entry.accuracyOutside), cell(entry.selfInfluence),
              cell(entry.ledgerShare), "\(memorization.models)",
            ])
      }.joined()
  }

  private static func cells(_ difference: EstimatedDifference?) -> [String] {
    [
      cell(difference?.value), cell(difference?.interval.lowerBound),
      cell(difference?.interval.upperBound),
    ]
  }
}
