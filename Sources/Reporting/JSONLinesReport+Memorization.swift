import Formats
import Influence

extension JSONLinesReport {
  /// The whole, then a line for each training item and for each pair.
  static func objects(_ memorization: ScoreReport.Memorization) -> [JSONValue] {
    let whole = object([
      ("kind", .string("memorization")), ("models", .number(memorization.models)),
      ("kept", .number(memorization.kept)), ("items", .number(memorization.entries.count)),
      ("confidence", number(EstimatedDifference.confidence)),
      ("widestInterval", number(memorization.widths.widest)),
      ("medianInterval", number(memorization.widths.median)),
      ("sentence", .string(memorization.sentence)),
      (
        "rankCorrelations",
        .array(
          memorization.agreements.map {
            object([
              ("score", .string($0.score)), ("other", .string($0.other)),
              ("spearman", number($0.spearman)),
            ])
          })
      ),
    ])
    return [whole] + memorization.entries.map(object)
      + (memorization.pairs ?? []).map(object)
  }

  private static func object(_ entry: ScoreReport.Memorization.Entry) -> JSONValue {
    object([
      ("kind", .string("item")), ("item", .number(entry.number)), ("id", .string(entry.item.id)),
      ("label", .string(entry.item.label)), ("group", .string(entry.item.group)),
      ("memorization", estimate(entry.memorization)),
      ("counterfactual", estimate(entry.counterfactual)),
      ("accuracyInside", number(entry.accuracyInside)),
      ("accuracyOutside", number(entry.accuracyOutside)),
      ("selfInfluence", number(entry.selfInfluence)),
      ("ledgerShare", number(entry.ledgerShare)),
    ])
  }

  private static func object(_ pair: ScoreReport.Memorization.Pair) -> JSONValue {
    object([
      ("kind", .string("influence")), ("item", .number(pair.influence.item)),
      ("id", .string(pair.item.id)), ("label", .string(pair.item.label)),
      ("test", .number(pair.influence.test)), ("testId", .string(pair.test.id)),
      ("testLabel", .string(pair.test.label)),
      ("influence", estimate(pair.influence.influence)),
    ])
  }

  private static func estimate(_ difference: EstimatedDifference?) -> JSONValue {
    guard let difference else { return .null }
    return object([
      ("value", number(difference.value)), ("low", number(difference.interval.lowerBound)),
      ("high", number(difference.interval.upperBound)),
    ])
  }
}
