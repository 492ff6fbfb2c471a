import Influence
import TensorCore
import Testing
import Training

@Suite("Finding wrong labels")
struct MislabelMetricTests {
  private func trials(_ mislabeled: [Int]?) throws -> [EvaluationTrial] {
    let run = try MemorizationRoom().original
    return try MislabelMetric.trials(
      EvaluationSetting(run: run, queries: run.train.items[[]], mislabeled: mislabeled),
      pool: WorkerPool(threads: 1)
    ) { _, _ in }
  }

  @Test("the area, and the share found among the first")
  func figures() throws {
    let trials = try trials([2, 5])
    #expect(trials.map(\.name) == ["area under the curve", "found in the first 2"])
    let scores: [[Double]] = [[0, 1, 9, 2, 3, 2.5, 0.5]]
    let (area, found) = (trials[0].judge(scores), trials[1].judge(scores))
    // Of ten pairs, item 5 loses one.
    #expect(area.mean == 0.9 && area.queries == 7)
    #expect(area.interval?.contains(0.9) == true)
    #expect(found.mean == 0.5 && found.interval == nil)
    let refused = trials.map { $0.judge([[0, .nan, 1, 1, 1, 1, 1]]) }
    #expect(refused.allSatisfy { $0.mean == nil && $0.interval == nil })
  }

  @Test("without wrong labels, or right ones, there is nothing to find")
  func nothing() {
    for mislabeled in [nil, [], Array(0..<7)] as [[Int]?] {
      #expect(throws: ScoreError.self) { try trials(mislabeled) }
    }
  }

  @Test("scores of items for themselves are those of their accounts and self-influences")
  func itemScores() throws {
    let room = try MemorizationRoom()
    let record = try RunRecord(folder: room.run)
    let (pool, train): (WorkerPool, Dataset<Double>) = (WorkerPool(threads: 2), try record.train())
    func scores(_ method: EvaluationMethod) throws -> [Double] {
      let scores = try method.itemScores(
        record, subsets: .init(count: 30, seed: 4), pool: pool, as: Double.self)
      #expect(scores.rows.count == 1)
      return scores.rows[0]
    }
    let matrix = try EvaluationMethod.estimator(TracIn.self).scores(
      record, queries: train, measure: .loss, pool: pool)
    for (item, value) in try scores(.estimator(TracIn.self)).enumerated() {
      // Two ways to the same sum.
      #expect(abs(value - matrix.rows[item][item]) < 1e-12 * abs(value))
    }
    for column in [LedgerColumn.credit, .marginal] {
      let rows = try EvaluationMethod.column(column).scores(
        record, queries: train, measure: .loss, tolerance: column == .credit ? 1e-2 : 1e-4,
        pool: pool
      ).rows
      let expected = (0..<7).map { rows[$0][$0] / Cocktail(rows[$0]).gross }
      #expect(try scores(.column(column)) == expected)
    }
    let tally = try room.bank(seed: 4).tally(models: 30)
    #expect(
      try scores(.memorization(.memorization))
        == (0..<7).map { tally.memorization($0)?.value ?? .nan })
    #expect(
      try scores(.memorization(.counterfactual))
        == (0..<7).map { tally.counterfactual($0)?.value ?? .nan })
    #expect(throws: ScoreError.self) {
      try EvaluationMethod.memorization(.memorization).scores(
        record, queries: train, measure: .loss, pool: pool)
    }
  }
}
