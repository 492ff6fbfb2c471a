import Influence

extension CSVReport {
  /// A row for each size of gradients; the ways of reading stand where curves have their quantity.
  static func rows(of inversion: ScoreReport.Inversion) -> [String] {
    inversion.places.flatMap { place in
      let numbers: [(String, SeedMean)] = [
        ("exclusive", place.exclusive), ("closedForm", place.closedForm),
        ("claimed", place.claimed), ("search", place.matching), ("labels", place.labels),
        ("difference", place.difference),
      ]
      return numbers.map { name, mean in
        line([
          "inversion", "inputs", "", name, "\(place.batchSize)", cell(mean.mean),
          cell(mean.interval?.lowerBound), cell(mean.interval?.upperBound), "",
        ])
      }
    }
  }
}
