import Influence
import TensorCore
import Testing
import Training

@Suite("evaluation")
struct LinearDatamodelingMetricTests {
  /// Twelve items in batches of four, two queries.
  private func setting(fractions: [Double]) throws -> EvaluationSetting<Double> {
    var random = RandomStream(seed: 1, stream: 940)
    let inputs: Tensor<Double> = random.normalTensor([14, 3])
    let all = Dataset(inputs: inputs, targets: .labels((0..<14).map { Int32($0 % 2) }))
    return EvaluationSetting(
      run: try TrainingRun(
        MLP(widths: [3, 4, 2], activation: .tanh), train: .init(all[Array(0..<12)]),
        learningRate: 0.2, batchSize: 4, epochs: 2),
      queries: all[[12, 13]], measure: .margin, fractions: fractions, subsets: 9, seed: 5)
  }

  @Test("what comes out is compared with retrainings without the same random items")
  func truth() throws {
    let setting = try setting(fractions: [0.25, 0.5])
    var reported: [Int] = []
    let trials = try LinearDatamodelingMetric.trials(setting, pool: WorkerPool(threads: 2)) {
      #expect($1 == 18)
      reported.append($0)
    }
    #expect(trials.map(\.name) == ["25 % removed", "50 % removed"])
    #expect(trials.allSatisfy { $0.retrainings == 9 && $0.seconds > 0 })
    #expect(reported == reported.sorted() && reported.last == 18)
    var random = RandomStream(seed: 2, stream: 940)
    let scores: [[Double]] = (0..<2).map { _ in (0..<12).map { _ in random.nextNormal() } }
    for (trial, fraction) in zip(trials, setting.fractions) {
      let subsets = ItemSubsets.removing(fraction, of: 12, count: 9, seed: 5)
      guard case .removed(let lists) = subsets else { return }
      let actual = try lists.map { list in
        let run = try Removal(list).applied(to: setting.run)
        let trainer = run.makeTrainer()
        try trainer.run(run.batches, run.learningRates)
        return run.model.values(
          of: .margin, loss: run.loss, on: setting.queries, at: trainer.parameters)
      }
      let expected = LinearDatamodelingScore(
        scores: scores, subsets: subsets, actual: actual, isLowerBetter: false, seed: 5)
      let found = trial.judge(scores)
      #expect(found.mean == expected.mean && found.interval == expected.interval)
      #expect(found.queries == 2)
    }
  }

  @Test("a query whose scores are refused does not count")
  func refused() throws {
    let setting = try setting(fractions: [0.5])
    let trial = try LinearDatamodelingMetric.trials(setting, pool: WorkerPool(threads: 1)) { _, _ in
    }[0]
    let good = (0..<12).map { Double($0) }
    let none = [Double](repeating: .nan, count: 12)
    let (both, one) = (trial.judge([good, good]), trial.judge([good, none]))
    #expect(both.queries == 2 && one.queries == 1)
    #expect(one.mean != nil && one.mean != both.mean)
    let nobody = trial.judge([none, none])
    #expect(
      nobody
        == EvaluationFigure(mean: nil, interval: nil, queries: 0, uncounted: [.notFinite: 2]))
    // Scores that say the same of all subsets: half of the items are left out of each.
    let same = trial.judge([[Double](repeating: 1, count: 12), good])
    #expect(same.queries == 1 && same.uncounted == [.equalScores: 1])
  }

  @Test("queries of which all retrainings say the same do not count, and the figure says so")
  func equalOutcomes() throws {
    var setting = try setting(fractions: [0.5])
    setting.run.learningRates = setting.run.learningRates.map { _ in 0 }
    let trial = try LinearDatamodelingMetric.trials(setting, pool: WorkerPool(threads: 1)) { _, _ in
    }[0]
    let found = trial.judge(Array(repeating: (0..<12).map { Double($0) }, count: 2))
    #expect(found.mean == nil && found.uncounted == [.equalOutcomes: 2])
  }

  @Test("what the progress throws ends the retrainings")
  func interrupted() throws {
    struct Enough: Error {}
    let setting = try setting(fractions: [0.5])
    #expect(throws: Enough.self) {
      try LinearDatamodelingMetric.trials(setting, pool: WorkerPool(threads: 1)) { _, _ in
        throw Enough()
      }
    }
  }

  @Test("names are unique, and find their metric and method")
  func registry() {
    let names = EvaluationRegistry.all.map { $0.name }
    #expect(Set(names).count == names.count)
    for name in names { #expect(EvaluationRegistry.metric(name)?.name == name) }
    #expect(EvaluationRegistry.metric("nonsense") == nil)
    let methods = EvaluationMethod.all.map(\.name)
    #expect(Set(methods).count == methods.count)
    #expect(Set(methods).isSuperset(of: ["credit", "marginal", "integrated", "tracin"]))
  }
}
