import Influence

extension CSVReport {
  /// A row for each quantity at each place of the axes, one for its exponent, which has no value, and
  /// rows for inverted gradients.
  static func dilutionTable(_ report: ScoreReport) -> String {
    line([
      "row", "axis", "watched", "quantity", "value", "mean", "low", "high", "predicted",
    ])
      + (report.dilutions.flatMap(rows) + report.inversions.flatMap(rows)).joined()
  }

  private static func rows(of dilution: ScoreReport.Dilution) -> [String] {
    dilution.curves.flatMap { curve in
      let names = [curve.axis.rawValue, curve.kind.rawValue, curve.quantity.rawValue]
      let places = curve.values.indices.map { place in
        let mean = curve.means[place]
        return line(
          ["point"] + names + [
            "\(curve.values[place])", cell(mean.mean), cell(mean.interval?.lowerBound),
            cell(mean.interval?.upperBound), cell(curve.predicted[place]),
          ])
      }
      guard case .success(let law) = curve.law else { return places }
      return places + [
        line(
          ["exponent"] + names + [
            "", cell(law.exponent), cell(law.interval?.lowerBound),
            cell(law.interval?.upperBound), "",
          ])
      ]
    }
  }
}
