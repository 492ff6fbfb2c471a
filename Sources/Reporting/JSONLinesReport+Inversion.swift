import Formats
import Influence

extension JSONLinesReport {
  /// A line for each size of gradients, and what they say.
  static func objects(_ inversion: ScoreReport.Inversion) -> [JSONValue] {
    inversion.places.map { place in
      func mean(_ mean: SeedMean) -> JSONValue {
        object([
          ("mean", number(mean.mean)), ("low", number(mean.interval?.lowerBound)),
          ("high", number(mean.interval?.upperBound)),
        ])
      }
      return object([
        ("kind", .string("inversion")), ("inputs", .number(place.batchSize)),
        ("width", .number(inversion.setting.width)), ("exclusive", mean(place.exclusive)),
        ("closedForm", mean(place.closedForm)), ("claimed", mean(place.claimed)),
        ("search", mean(place.matching)), ("labels", mean(place.labels)),
        ("difference", mean(place.difference)),
        ("threshold", .number(InversionSetting.threshold)),
      ])
    }
      + inversion.sentences.map {
        object([
          ("kind", .string("finding")), ("axis", .string("inputs")), ("watched", .null),
          ("sentence", .string($0)),
        ])
      }
  }
}
