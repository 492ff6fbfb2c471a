import Influence
import TensorCore
import Testing
import Training

/// Predictions of what leaving items out changes, against training again.
@Suite("Predictions of removals")
struct RemovalPredictionTests {
  private let pool = WorkerPool(threads: 2)

  /// Few and small steps: what is predicted to first order is nearly all of what happens.
  private func run(_ rule: any Optimizer.Type) throws -> TrainingRun<Double> {
    var stream = RandomStream(seed: 5, stream: 77)
    func items(_ count: Int) -> Dataset<Double> {
      Dataset(
        inputs: stream.normalTensor([count, 4]),
        targets: .labels((0..<count).map { Int32($0 % 3) }))
    }
    var run = try TrainingRun<Double>(
      MLP("mlp:4-5-3:tanh"), train: .init(items(10)), test: .init(items(4)),
      optimizer: OptimizerSettings(rule), learningRate: 0.002, batchSize: 4, epochs: 3, seed: 2)
    run.itemWeights = (0..<10).map { $0 == 3 ? 0.5 : 1 }
    return run
  }

  @Test(
    "every column foresees a small change, whatever takes the items' place",
    arguments: [
      Removal([3]), Removal([0, 5]), Removal([3, 4], .renormalized),
      Removal([3, 7], .swapped(with: [2, 0])),
    ], [SGD.self, Momentum.self] as [any Optimizer.Type])
  func predictions(_ removal: Removal, _ rule: any Optimizer.Type) throws {
    let run = try run(rule)
    let queries = try #require(run.test).items
    let problem = LedgerProblem(
      run: run, queries: queries, measure: QueryMeasure(.loss, loss: .crossEntropy))
    let accounts = try Ledger(
      problem, options: LedgerOptions(tolerance: 1e-3, removals: [removal]), pool: pool
    ).accounts()
    let without = try removal.applied(to: run)
    let trainer = without.makeTrainer()
    try trainer.run(without.batches, without.learningRates)
    let after = run.model.values(
      of: .loss, loss: run.loss, on: queries, at: trainer.parameters)
    let changes = zip(after, accounts).map { $0 - $1.measureFinal }
    let scale = changes.map(abs).max() ?? 0
    #expect(scale > 1e-6)
    for (change, account) in zip(changes, accounts) {
      for column in LedgerColumn.allCases {
        let rows = try #require(account.columns[column])
        #expect(rows.refusal == nil)
        // What is left is of second order in steps whose sum is a few hundredths.
        #expect(abs(rows.predictions[0] - change) < 0.05 * scale, "\(column)")
      }
    }
  }
}
