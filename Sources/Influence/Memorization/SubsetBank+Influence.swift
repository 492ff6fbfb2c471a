import TensorCore
import Training

/// What the training items did to a test item, as models trained on subsets show it.
public struct InfluenceRow: Sendable {
  /// The test item.
  public let test: Int
  /// `[N]`, the influence of each training item on the test item, positive where it helps.
  ///
  /// That of item i on z is Pr[h(x_z) = y_z | i ∈ S] − Pr[h(x_z) = y_z | i ∉ S]. NaN where all models
  /// learnt the item, or none.
  public let influence: [Double]
  /// `[N]`, the same difference of minus the test item's loss, in nats.
  public let counterfactual: [Double]
  private let right: (inside: [Double], total: Double)
  private let counts: [Int]
  private let models: Int

  fileprivate init(
    test: Int, right: (inside: [Double], total: Double), score: (inside: [Double], total: Double),
    counts: [Int], models: Int
  ) {
    self.test = test
    self.right = right
    self.counts = counts
    self.models = models
    func differences(_ sums: (inside: [Double], total: Double)) -> [Double] {
      zip(sums.inside, counts).map { sum, count in
        sum / Double(count) - (sums.total - sum) / Double(models - count)
      }
    }
    influence = differences(right)
    counterfactual = differences(score)
  }

  /// The influence of an item with its interval; nil where there is none.
  public func estimate(_ item: Int) -> EstimatedDifference? {
    EstimatedDifference(
      proportions: (right.inside[item], counts[item]),
      (right.total - right.inside[item], models - counts[item]))
  }
}

/// A training item and a test item.
public struct InfluencePair: Sendable, Equatable {
  /// The training item.
  public let item: Int
  /// The test item.
  public let test: Int
  /// The influence of the one on the other.
  public let influence: EstimatedDifference

  /// A pair.
  public init(item: Int, test: Int, influence: EstimatedDifference) {
    self.item = item
    self.test = test
    self.influence = influence
  }
}

extension SubsetBank {
  /// Bytes of sums that are held at once.
  private static var panelBytes: Int { 64 << 20 }
  /// Models of a product.
  private static var block: Int { 128 }

  /// The influence of all training items on each test item, in the order of the test items.
  ///
  /// - Parameters:
  ///   - models: The first so many models, which are there.
  ///   - tally: The tally of these models.
  ///   - visit: Given each row; what it throws ends the work.
  /// - Throws: `FormatError` where the bank cannot be read.
  /// - Complexity: O(M T N) for M models and T test items; memory for a part of the matrix.
  public func forEachInfluenceRow(
    _ tally: MemorizationTally, _ visit: (InfluenceRow) throws -> Void
  ) throws {
    let (items, models, counts) = (plan.items, tally.models, tally.insideCounts)
    let size = max(1, Self.panelBytes / (2 * MemoryLayout<Double>.stride * items))
    let panels = Blocks(testItems, size: size)
    let blocks = Blocks(models, size: Self.block)
    for panel in 0..<panels.number {
      let tests = panels[panel]
      // Rows of accuracies, then rows of scores.
      var inside = [Double](repeating: 0, count: 2 * tests.count * items)
      var totals = [Double](repeating: 0, count: 2 * tests.count)
      for number in 0..<blocks.number {
        let block = blocks[number]
        var masks = [Double](repeating: 1, count: block.count * items)
        var values = [Double](repeating: 0, count: block.count * 2 * tests.count)
        for (row, model) in block.enumerated() {
          for item in plan.left(outOf: model) { masks[row * items + item] = 0 }
          let found = try self.values(of: model)
          let own = items + tests.lowerBound..<items + tests.upperBound
          for (column, value) in (found.accuracy[own] + found.score[own]).enumerated() {
            values[row * 2 * tests.count + column] = Double(value)
            totals[column] += Double(value)
          }
        }
        values.withUnsafeBufferPointer { values in
          masks.withUnsafeBufferPointer { masks in
            inside.withUnsafeMutableBufferPointer { inside in
              MatrixProduct.gemm(
                values, transposeA: true, masks, m: 2 * tests.count, n: items, k: block.count,
                beta: 1, into: inside)
            }
          }
        }
      }
      for (row, test) in tests.enumerated() {
        func sums(_ row: Int) -> (inside: [Double], total: Double) {
          (Array(inside[row * items..<(row + 1) * items]), totals[row])
        }
        try visit(
          InfluenceRow(
            test: test, right: sums(row), score: sums(tests.count + row), counts: counts,
            models: models))
      }
    }
  }
}

/// The pairs of the largest influence among the rows that it is given.
public struct InfluencePairs: Sendable {
  private let most: Int
  private var ranked: [(pair: InfluencePair, value: Double)] = []

  /// Keeps so many pairs.
  public init(most: Int) { self.most = most }

  /// The pairs, the largest influence first; of equal ones that of the earlier test item, then that
  /// of the earlier training item.
  public var pairs: [InfluencePair] { ranked.map(\.pair) }

  /// Takes a row; rows come in the order of the test items.
  public mutating func add(_ row: InfluenceRow) {
    guard most > 0 else { return }
    for (item, value) in row.influence.enumerated() {
      if ranked.count == most, let last = ranked.last, !(value > last.value) { continue }
      guard let influence = row.estimate(item) else { continue }
      let place = ranked.firstIndex { $0.value < value } ?? ranked.count
      ranked.insert(
        (InfluencePair(item: item, test: row.test, influence: influence), value), at: place)
      if ranked.count > most { ranked.removeLast() }
    }
  }
}
