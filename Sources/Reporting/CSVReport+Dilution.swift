import Influence

extension CSVReport {
  /// A row for each quantity at each place of the axes, and one for its exponent, which has no value.
  static func table(of dilution: ScoreReport.Dilution) -> String {
    line([
      "row", "axis", "watched", "quantity", "value", "mean", "low", "high", "predicted",
    ])
      + dilution.curves.flatMap { curve in
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
      }.joined()
  }
}
