import Autodiff
import Influence
import TensorCore
import Testing
import Training

/// Lists of items, and zeros, mean what they are called.
@Suite("What lists mean")
struct ListMeaningTests {
  let pool = WorkerPool(threads: 2)

  /// The case that can be told by hand: the score is (a · a' + 1)(d · d').
  private func linear() -> ScoreProblem<Double> {
    ScoreProblem(
      model: MLP(widths: [2, 2], activation: .tanh), loss: .crossEntropy,
      items: Dataset(
        inputs: Tensor([4, 2], [1, 0, 2, 0, 3, 0, 1, 1]), targets: .labels([0, 1, 1, 1])),
      queries: Dataset(inputs: Tensor([1, 2], [1, 0]), targets: .labels([0])),
      checkpoints: [WeightedCheckpoint(parameters: [1, 0, 0, 1, 0, 0])])
  }

  @Test("only what has the sign is listed, however many are asked for")
  func signs() throws {
    let engine = try ScoreEngine(linear(), pool: pool)
    for top in [try engine.summaries(3)[0].top, try engine.topItems(3).queries[0]] {
      #expect(top.supporters.map(\.item) == [0])
      #expect(top.opponents.map(\.item) == [2, 1, 3])
    }
    let bag = QuerySummary(scores: [0, 2, 0, 1, -0.0], measured: 0, top: 5)
    #expect(bag.top.supporters.map(\.item) == [1, 3])
    #expect(bag.top.opponents.isEmpty)
  }

  @Test("supporters and opponents are all items whose scores are not zero", arguments: 1...6)
  func partition(_ seed: UInt64) throws {
    let problem = SmallProblem(items: 23, queries: 5, seed: seed).make(Double.self)
    let engine = try ScoreEngine(problem, pool: pool)
    let scores = try engine.scores()
    let found = try engine.topItems(40).queries
    for (query, summary) in try engine.summaries(40).enumerated() {
      let row = scores.row(query).scalars
      #expect(summary.top == found[query])
      #expect(summary.top.supporters.allSatisfy { $0.score > 0 && $0.score == row[$0.item] })
      #expect(summary.top.opponents.allSatisfy { $0.score < 0 && $0.score == row[$0.item] })
      let all = (summary.top.supporters + summary.top.opponents).map(\.item).sorted()
      #expect(all == row.indices.filter { row[$0] != 0 })
    }
  }

  // MARK: Zeros

  private func weighted(_ weights: [WeightedCheckpoint<Double>.Weight]) -> ScoreProblem<Double> {
    let problem = linear()
    return ScoreProblem(
      model: problem.model, loss: problem.loss, items: problem.items, queries: problem.queries,
      checkpoints: weights.map {
        WeightedCheckpoint(parameters: problem.checkpoints[0].parameters, weight: $0)
      })
  }

  @Test("a row of zeros says why") func zeros() throws {
    let none = [Double](repeating: 0, count: 4)
    for (weights, reason) in [
      ([.perItem(none)], "no step follows the only checkpoint"),
      ([.perItem(none), .perItem(none)], "no step"),
      ([.uniform(0)], "weight 0"),
    ] as [([WeightedCheckpoint<Double>.Weight], String)] {
      let engine = try ScoreEngine(weighted(weights), pool: pool)
      #expect(try engine.summaries(2)[0].zeroReason?.contains(reason) == true)
      #expect(try engine.topItems(2).zeroReasons[0]?.contains(reason) == true)
    }
    // One step that shows a single item is enough.
    let some = try ScoreEngine(weighted([.perItem([0, 0, 1, 0]), .perItem(none)]), pool: pool)
    #expect(try some.summaries(2)[0].zeroReason == nil)
    #expect(try some.topItems(2).zeroReasons == [nil])
  }

  @Test("a query without a gradient is told from items without a part in it") func flat() throws {
    // Relu units that are off for the first query: only the last bias has a gradient, which the
    // items' residuals of zero do not share.
    let model = MLP(widths: [1, 1, 1], activation: .relu)
    func problem(query: (Double, Double), item: (Double, Double)) -> ScoreProblem<Double> {
      func data(_ pair: (Double, Double)) -> Dataset<Double> {
        Dataset(
          inputs: Tensor([1, 1], [pair.0]), targets: .values(Tensor([1, 1], [pair.1])))
      }
      return ScoreProblem(
        model: model, loss: .squaredError, items: data(item), queries: data(query),
        checkpoints: [WeightedCheckpoint(parameters: [1, 0, 1, 0])])
    }
    let met = try ScoreEngine(problem(query: (2, 2), item: (1, 3)), pool: pool)
    #expect(try met.summaries(1)[0].zeroReason?.contains("the query's own gradient") == true)
    let apart = try ScoreEngine(problem(query: (2, 1), item: (1, 1)), pool: pool)
    #expect(try apart.summaries(1)[0].zeroReason?.contains("no item's gradient") == true)
    #expect(try apart.topItems(1).zeroReasons[0]?.contains("no item's gradient") == true)
  }

  @Test("one output has no classes to tell apart") func oneClass() {
    let problem = ScoreProblem<Double>(
      model: MLP(widths: [2, 1], activation: .tanh), loss: .crossEntropy,
      items: Dataset(inputs: Tensor([1, 2], [1, 0]), targets: .labels([0])),
      queries: Dataset(inputs: Tensor([1, 2], [1, 0]), targets: .labels([0])),
      checkpoints: [WeightedCheckpoint(parameters: [1, 0, 0])])
    #expect {
      _ = try ScoreEngine(problem, pool: pool)
    } throws: {
      "\($0)".contains("one output, a single class") && "\($0)".contains("binary-cross-entropy")
    }
  }

  // MARK: Layers

  /// A wide and a deep head whose outputs are added, in either order.
  struct WideAndDeep: Model {
    var isWideFirst: Bool
    let specification = "wide and deep"
    let layout = ParameterLayout([
      ("a.weight", [7, 6]), ("a.bias", [7]), ("deep.weight", [4, 7]), ("deep.bias", [4]),
      ("wide.weight", [4, 6]), ("wide.bias", [4]),
    ])
    let inputShape: Shape = [6]
    let outputShape: Shape = [4]

    func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
      func wide(_ graph: inout Graph) -> NodeID {
        graph.add(graph.matmul(inputs, parameters[4], transposeB: true), parameters[5])
      }
      let first = isWideFirst ? wide(&graph) : nil
      let hidden = graph.add(graph.matmul(inputs, parameters[0], transposeB: true), parameters[1])
      let deep = graph.add(
        graph.matmul(graph.unary(.tanh, hidden), parameters[2], transposeB: true), parameters[3])
      if let first { return graph.add(first, deep) }
      return graph.add(deep, wide(&graph))
    }

    func initialParameters(seed: UInt64) -> [Double] { [] }
  }

  @Test("the last layer of added heads is all of them, in whatever order they are written")
  func heads() throws {
    let heads = ["deep.weight", "deep.bias", "wide.weight", "wide.bias"]
    let both = try [true, false].map { isWideFirst in
      let problem = SmallProblem(
        model: WideAndDeep(isWideFirst: isWideFirst), layers: .last, seed: 90
      ).make(Double.self)
      let engine = try ScoreEngine(problem, pool: pool)
      #expect(engine.comparedParameters == heads)
      let scores = try engine.scores()
      #expect(relativeDifference(scores, naiveScores(problem, lastLayer: heads)) < 1e-12)
      return scores
    }
    #expect(both[0].scalars == both[1].scalars)
  }

  @Test("a layer is chosen by the name of a parameter or of a module", arguments: [true, false])
  func chosen(_ isWideFirst: Bool) throws {
    let model = WideAndDeep(isWideFirst: isWideFirst)
    for (names, expected) in [
      (["wide"], ["wide.weight", "wide.bias"]),
      (["a.bias", "deep.weight"], ["a.bias", "deep.weight"]),
    ] {
      let layers = try Layers(named: names, in: model)
      let problem = SmallProblem(model: model, layers: layers, seed: 91).make(Double.self)
      let engine = try ScoreEngine(problem, pool: pool)
      #expect(engine.comparedParameters == expected)
      #expect(
        relativeDifference(try engine.scores(), naiveScores(problem, lastLayer: expected)) < 1e-12)
    }
    for bad in ["", "wid", "wide.", "../wide", "wide.weight.more", "*", "a\u{1b}[31m"] {
      #expect {
        _ = try Layers(named: [bad], in: model)
      } throws: {
        "\($0)".contains("expected the name of a parameter") && !"\($0)".contains("\u{1b}")
      }
    }
    // A method of the last layer takes the one that is named.
    let problem = SmallProblem(model: model, seed: 92).make(Double.self)
    let setting = ScoreSetting(
      model: model, loss: problem.loss, items: problem.items, queries: problem.queries,
      checkpoints: problem.checkpoints, layers: try Layers(named: ["a"], in: model))
    #expect(TracInLastLayer.problem(setting).layers == .parameters(["a.weight", "a.bias"]))
    #expect(GradDot.problem(setting).layers == .parameters(["a.weight", "a.bias"]))
  }

  // MARK: Directions of tiny gradients

  /// Squared error of a linear model at zero: the gradient is −2y (x, 1), so that the cosine of two
  /// items does not know how large y is.
  private func regression<Scalar: TensorScalar>(
    _ targets: [Scalar], as type: Scalar.Type = Scalar.self
  ) -> ScoreProblem<Scalar> {
    let data = Dataset<Scalar>(
      inputs: Tensor([3, 2], [1, 2, -3, 0.5, 0.25, -1]),
      targets: .values(Tensor([3, 1], targets)))
    return ScoreProblem(
      model: MLP(widths: [2, 1], activation: .tanh), loss: .squaredError, items: data,
      queries: data, checkpoints: [WeightedCheckpoint(parameters: [0, 0, 0])], isCosine: true)
  }

  /// The cosines of rows with a 1 behind each.
  private static let cosines: [Double] = {
    let rows = [[1, 2, 1], [-3, 0.5, 1], [0.25, -1, 1]]
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    return rows.flatMap { a in rows.map { dot(a, $0) / (dot(a, a) * dot($0, $0)).squareRoot() } }
  }()

  @Test(
    "a cosine does not know how small the gradients are",
    arguments: [1, 1e-100, 1e-155, 1e-170, 1e-250, 1e-300, 1e140])
  func tinyDouble(_ size: Double) throws {
    let problem = regression([size, size, size], as: Double.self)
    try expectCosines(problem, tolerance: 1e-15)
    // Sizes of both kinds in one batch.
    try expectCosines(regression([size, 1, size], as: Double.self), tolerance: 1e-15)
  }

  @Test("nor in single precision", arguments: [1, 1e-18, 1e-25, 1e-30, 1e-37] as [Float])
  func tinyFloat(_ size: Float) throws {
    try expectCosines(regression([size, 1, size], as: Float.self), tolerance: 2e-7)
  }

  private func expectCosines<Scalar: TensorScalar>(
    _ problem: ScoreProblem<Scalar>, tolerance: Double
  ) throws {
    for path in [nil, "ghost", "materialized", "contraction"] {
      let engine = try ScoreEngine(problem, pool: pool, memory: nil, path: path)
      let scores = try engine.scores()
      for (found, right) in zip(scores.scalars, Self.cosines) {
        #expect(abs(Double(found) - right) <= tolerance, "\(path ?? "cheapest")")
      }
      #expect(try engine.selfInfluence() == [1, 1, 1])
    }
    let sum = ScoreProblem(
      model: problem.model, loss: problem.loss, items: problem.items, queries: problem.queries,
      checkpoints: problem.checkpoints, isCosine: true, aggregatesQueries: true)
    let together = try ScoreEngine(sum, pool: pool).scores()
    for item in 0..<3 {
      let right = (0..<3).reduce(0) { $0 + Self.cosines[3 * $1 + item] }
      #expect(abs(Double(together[0, item]) - right) <= 4 * tolerance)
    }
  }
}
