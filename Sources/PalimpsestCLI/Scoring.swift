import Palimpsest

/// What the scoring commands share.
enum Scoring {
  /// The method of a name.
  ///
  /// - Throws: ``UsageError`` with the names there are.
  static func estimator(_ name: String) throws -> any Estimator.Type {
    guard let estimator = EstimatorRegistry.estimator(name) else {
      let known = EstimatorRegistry.all.map { $0.name }.joined(separator: ", ")
      throw UsageError("--method: found \"\(name)\", expected one of \(known)")
    }
    return estimator
  }

  /// The name of a training item: its own, or its number.
  static func itemID<Scalar>(_ item: Int, _ items: Dataset<Scalar>) -> String {
    items.ids.isEmpty ? "train:\(item)" : items.ids[item]
  }

  /// Prints what a computation would take.
  static func printEstimate(_ estimate: ScoreEstimate, json: Bool) {
    let entries: [(String, String, JSONValue)] = [
      ("items", "\(estimate.items)", .number(estimate.items)),
      ("queries", "\(estimate.queries)", .number(estimate.queries)),
      ("parameters", "\(estimate.parameters)", .number(estimate.parameters)),
      ("operations", "\(estimate.operations / 1e9) GFLOP", .number(estimate.operations)),
      ("peakBytes", "\(estimate.peakBytes >> 20) MiB", .number(estimate.peakBytes)),
    ]
    if json {
      print(JSONValue.object(entries.map { .init($0.0, $0.2) }))
    } else {
      for entry in entries { print("\(entry.0): \(entry.1)") }
    }
  }
}
