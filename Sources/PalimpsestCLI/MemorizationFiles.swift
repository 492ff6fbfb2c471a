import Foundation
import Palimpsest

/// The files of memorisation's numbers, opened before the work.
struct MemorizationFiles {
  private let path: String
  private let influence: ScoreMatrixWriter<Double>
  private let counterfactual: ScoreMatrixWriter<Double>

  /// Makes the folder where it is missing, and opens its files.
  init(path: String, items: Int, tests: Int) throws {
    try ScoreFolder<Double>.make(path)
    self.path = path
    influence = try ScoreMatrixWriter(
      path: "\(path)/influence.npy", queries: tests, items: items)
    counterfactual = try ScoreMatrixWriter(
      path: "\(path)/counterfactual-influence.npy", queries: tests, items: items)
  }

  /// Writes what the training items did to a test item.
  func write(_ row: InfluenceRow) throws {
    for (file, values) in [
      (influence, row.influence), (counterfactual, row.counterfactual),
    ] {
      try file.write(
        Tensor([1, values.count], values), rows: row.test..<row.test + 1,
        columns: 0..<values.count)
    }
  }

  /// Writes what is known of the items themselves, NaN for what is not, and gives all files their
  /// names.
  func write(_ tally: MemorizationTally) throws {
    for kind in MemorizationKind.allCases {
      let estimates = (0..<tally.items).map { tally.estimate(kind, $0) }
      try NPY.write(
        Tensor<Double>([tally.items], estimates.map { $0?.value ?? .nan }),
        to: "\(path)/\(kind.rawValue).npy")
      try NPY.write(
        Tensor<Double>(
          [tally.items, 2],
          estimates.flatMap {
            [$0?.interval.lowerBound ?? .nan, $0?.interval.upperBound ?? .nan]
          }), to: "\(path)/\(kind.rawValue)-interval.npy")
    }
    try influence.finish()
    try counterfactual.finish()
  }
}
