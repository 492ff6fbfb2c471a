import Formats
import Influence

extension JSONLinesReport {
  /// The places of each axis, the exponents, and what they say.
  static func objects(_ dilution: ScoreReport.Dilution) -> [JSONValue] {
    dilution.setting.axes.flatMap { axis in
      dilution.setting.kinds.flatMap { kind -> [JSONValue] in
        let curves = DilutionQuantity.allCases.compactMap { dilution.curve(axis, kind, $0) }
        return dilution.setting.points(axis).enumerated().map { place, point in
          self.place(point, place, axis, kind, curves)
        } + curves.map(exponent)
      }
    }
      + dilution.findings.map { finding in
        object([
          ("kind", .string("finding")), ("axis", .string(finding.axis.rawValue)),
          ("watched", .string(finding.kind.rawValue)), ("sentence", .string(finding.sentence)),
        ])
      }
  }

  private static func place(
    _ point: DilutionPoint, _ place: Int, _ axis: DilutionAxis, _ kind: WatchedKind,
    _ curves: [DilutionCurve]
  ) -> JSONValue {
    object(
      [
        ("kind", .string("dilution")), ("axis", .string(axis.rawValue)),
        ("watched", .string(kind.rawValue)),
      ] + DilutionAxis.allCases.map { ($0.rawValue, .number(point[$0])) }
        + curves.map { curve in
          let mean = curve.means[place]
          return (
            curve.quantity.rawValue,
            object([
              ("mean", number(mean.mean)), ("low", number(mean.interval?.lowerBound)),
              ("high", number(mean.interval?.upperBound)),
              ("predicted", number(curve.predicted[place])),
            ])
          )
        })
  }

  private static func exponent(_ curve: DilutionCurve) -> JSONValue {
    var (law, refusal): (PowerLaw?, PowerLaw.Refusal?)
    switch curve.law {
    case .success(let found): law = found
    case .failure(let reason): refusal = reason
    }
    return object([
      ("kind", .string("exponent")), ("axis", .string(curve.axis.rawValue)),
      ("watched", .string(curve.kind.rawValue)), ("quantity", .string(curve.quantity.rawValue)),
      ("exponent", number(law?.exponent)), ("low", number(law?.interval?.lowerBound)),
      ("high", number(law?.interval?.upperBound)), ("factor", number(law?.factor)),
      ("explained", number(law?.explained)), ("remaining", number(curve.remaining?.part)),
      ("remainingLow", number(curve.remaining?.interval.lowerBound)),
      ("remainingHigh", number(curve.remaining?.interval.upperBound)),
      ("claim", curve.claim.map { .string($0.rawValue) } ?? .null),
      ("refusal", refusal.map { .string("\($0)") } ?? .null),
    ])
  }
}
