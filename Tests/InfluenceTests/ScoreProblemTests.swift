import Influence
import TensorCore
import Testing
import Training

/// Problems that cannot be scored are refused in words that name the culprit.
@Suite struct ScoreProblemTests {
  let pool = WorkerPool(threads: 2)
  let good = SmallProblem(checkpoints: 2).make(Float.self)

  private func changed(
    measure: Measure = .loss, items: Dataset<Float>? = nil, queries: Dataset<Float>? = nil,
    checkpoints: [WeightedCheckpoint<Float>]? = nil, isCosine: Bool = false
  ) -> ScoreProblem<Float> {
    ScoreProblem(
      model: good.model, loss: good.loss, measure: measure, items: items ?? good.items,
      queries: queries ?? good.queries, checkpoints: checkpoints ?? good.checkpoints,
      isCosine: isCosine)
  }

  /// The message of the refusal; empty where there is none.
  private func refusal(_ problem: ScoreProblem<Float>) -> String {
    do {
      _ = try ScoreEngine(problem, pool: pool)
      return ""
    } catch {
      return "\(error)"
    }
  }

  private func setting(_ data: Dataset<Float>, input: Int, to value: Float) -> Dataset<Float> {
    var inputs = data.inputs
    inputs.scalars[input] = value
    return Dataset(inputs: inputs, targets: data.targets)
  }

  @Test func theProblemItselfIsAccepted() {
    #expect(refusal(changed()) == "")
  }

  @Test func inputsThatAreNotFiniteAreNamed() {
    #expect(
      refusal(changed(items: setting(good.items, input: 6 * 4 + 2, to: .nan)))
        == "training item 4, input 2: found nan, expected a finite number")
    #expect(
      refusal(changed(queries: setting(good.queries, input: 6, to: -.infinity)))
        == "query 1, input 0: found -inf, expected a finite number")
  }

  @Test func targetsThatAreNotFiniteAreNamed() {
    let problem = SmallProblem(loss: .squaredError).make(Float.self)
    guard case .values(var values) = problem.queries.targets else { return }
    values.scalars[4 * 2 + 3] = .nan
    let bad = ScoreProblem(
      model: problem.model, loss: problem.loss, items: problem.items,
      queries: Dataset(inputs: problem.queries.inputs, targets: .values(values)),
      checkpoints: problem.checkpoints)
    #expect(refusal(bad) == "query 2, target 3: found nan, expected a finite number")
  }

  @Test func checkpointsAreChecked() {
    var parameters = good.checkpoints[1].parameters
    parameters[6 * 5 + 2] = .nan
    let bad = WeightedCheckpoint(parameters: parameters)
    let name = good.model.layout.entries[1].name
    #expect(
      refusal(changed(checkpoints: [good.checkpoints[0], bad]))
        == "checkpoint 1, element 2 of \(name): found nan, expected a finite number")
    let own = good.checkpoints[0].parameters
    #expect(
      refusal(changed(checkpoints: [WeightedCheckpoint(parameters: own, weight: .uniform(.nan))]))
        == "checkpoint 0, weight: found nan, expected a finite number")
    var weights = [Double](repeating: 1, count: 21)
    weights[3] = .infinity
    #expect(
      refusal(
        changed(checkpoints: [WeightedCheckpoint(parameters: own, weight: .perItem(weights))]))
        == "checkpoint 0, weight of training item 3: found inf, expected a finite number")
    #expect(
      refusal(changed(checkpoints: [])) == "there is no checkpoint; expected at least one")
  }

  @Test(arguments: [Measure.logit, .margin, .logProbability])
  func queriesWithoutALabelHaveOnlyALoss(_ measure: Measure) {
    var labels = good.queries.labels ?? []
    labels[5] = -100
    let queries = Dataset(inputs: good.queries.inputs, targets: .labels(labels))
    #expect(refusal(changed(queries: queries)) == "")
    let message = refusal(changed(measure: measure, queries: queries))
    #expect(message.hasPrefix("query 5 has label -100"))
    #expect(message.contains(measure.rawValue))
  }

  /// Factors are rows of items: what lies in front of the batch would be taken for items.
  @Test func aLayerWhoseOutermostAxisIsNotTheBatchIsRefused() {
    let problem = SmallProblem(model: PositionsFirstModel()).make(Float.self)
    #expect(refusal(problem).hasPrefix("the parameter weight meets the data in matmul"))
    #expect(refusal(problem).contains("whose outermost axis is not the batch"))
  }

  /// A linear model with one output has the gradient 2 (ŷ − y) (x, 1): the target sets its size.
  private func linear(_ size: Float, items: Bool) -> ScoreProblem<Float> {
    let model = MLP(widths: [1, 1], activation: .relu)
    let one = Dataset<Float>(
      inputs: Tensor([2, 1], [1, 1]), targets: .values(Tensor([2, 1], [1, 1])))
    let own = Dataset<Float>(
      inputs: Tensor([2, 1], [1, 1]), targets: .values(Tensor([2, 1], [size, 1])))
    return ScoreProblem(
      model: model, loss: .squaredError, items: items ? own : one, queries: items ? one : own,
      checkpoints: [WeightedCheckpoint(parameters: [0, 0])], isCosine: true)
  }

  /// 1 / |g| of a gradient below 2.9e-39 is beyond Float.
  @Test func cosinesOfVanishingGradientsAreZero() throws {
    for size in [0x1p-131, 0x1p-147] as [Float] {
      let items = try ScoreEngine(linear(size, items: true), pool: pool).scores()
      #expect(items[0, 0] == 0)
      #expect(abs(items[0, 1] - 1) < 1e-6)
      let queries = try ScoreEngine(linear(size, items: false), pool: pool).scores()
      #expect(queries[0, 1] == 0)
      #expect(abs(queries[1, 0] - 1) < 1e-6)
    }
  }

  @Test func aGradientBeyondThePrecisionIsTheQuerysOwn() throws {
    let problem = linear(1e25, items: false)
    let weighted = ScoreProblem(
      model: problem.model, loss: problem.loss, items: problem.items, queries: problem.queries,
      checkpoints: [
        WeightedCheckpoint(parameters: problem.checkpoints[0].parameters, weight: .uniform(1e30))
      ])
    let engine = try ScoreEngine(weighted, pool: pool)
    #expect(throws: ScoreError.notFinite(what: "query", item: 0)) { try engine.scores() }
  }

  /// The sum of the queries' gradients, taken in one product per batch.
  @Test func queriesTakenTogetherAreTheSumOfTheirScores() throws {
    for isCosine in [false, true] {
      for small in [
        SmallProblem(items: 9, queries: 19, checkpoints: 2, isCosine: isCosine),
        SmallProblem(
          model: TiedModel(), loss: .squaredError, items: 9, queries: 19, isCosine: isCosine),
        SmallProblem(
          model: PositionsModel(folds: true), items: 9, queries: 19, isCosine: isCosine),
      ] {
        let problem = small.make(Double.self)
        let together = ScoreProblem(
          model: problem.model, loss: problem.loss, items: problem.items, queries: problem.queries,
          checkpoints: problem.checkpoints, isCosine: isCosine, aggregatesQueries: true)
        let sum = try ScoreEngine(together, pool: pool).scores()
        let scores = naiveScores(problem)
        let expected = Tensor<Double>(
          [1, 9], (0..<9).map { item in (0..<19).reduce(0) { $0 + scores[$1, item] } })
        #expect(relativeDifference(sum, expected) < 1e-12)
      }
    }
  }
}
