import Influence
import TensorCore
import Testing
import Training

@Suite("how well the columns foresee retraining")
struct ForesightTests {
  /// 1,000 digits learnt, 50 others asked about.
  private static func setting(_ measure: Measure) throws -> EvaluationSetting<Float> {
    let digits: Dataset<Float> = Digits.all()
    return EvaluationSetting(
      run: try TrainingRun(
        MLP(widths: [64, 32, 10], activation: .tanh), train: .init(digits[Array(0..<1000)]),
        learningRate: 0.1, batchSize: 50, epochs: 15),
      queries: digits[Array(1000..<1050)], measure: measure)
  }

  private static func isOptimized() -> Bool {
    var isOptimized = true
    // The condition is evaluated in debug builds only.
    assert(
      {
        isOptimized = false
        return true
      }())
    return isOptimized
  }

  /// With 5 % of the items left out the marginal foresees nearly all; with half of them it is a
  /// derivative far from where it was taken, and the integrated column does better.
  ///
  /// A smooth network and 200 retrainings. The marginal's score with half removed differs between
  /// measures: over 797 queries and five seeds it is 0.875 ± 0.003 for the loss, and so for the margin
  /// and the log-probability, which order retrainings as the loss does; for the logit 0.891 ± 0.002.
  @Test(
    "the marginal ranks small removals, the integrated column large ones",
    .enabled(if: isOptimized(), "takes minutes without optimization"),
    arguments: [(Measure.loss, 0.85), (.margin, 0.85), (.logit, 0.88)])
  func digits(_ measure: Measure, half: Double) throws {
    let pool = WorkerPool(threads: 2)
    let setting = try Self.setting(measure)
    let trials = try LinearDatamodelingMetric.trials(setting, pool: pool) { _, _ in }
    let accounts = try Ledger(
      LedgerProblem(
        run: setting.run, queries: setting.queries,
        measure: QueryMeasure(measure, loss: .crossEntropy)),
      options: LedgerOptions(columns: [.marginal, .integrated]), pool: pool
    ).accounts()
    func figures(_ column: LedgerColumn) throws -> [Double] {
      let rows = try accounts.map { account in
        let rows = try #require(account.columns[column])
        #expect(rows.refusal == nil)
        return rows.items
      }
      return try trials.map { try #require($0.judge(rows).mean) }
    }
    let (marginal, integrated) = (try figures(.marginal), try figures(.integrated))
    #expect(marginal[0] >= 0.99 && marginal[1] >= half, "\(marginal)")
    #expect(integrated[1] > marginal[1] && integrated[0] < marginal[0], "\(integrated)")
  }
}
