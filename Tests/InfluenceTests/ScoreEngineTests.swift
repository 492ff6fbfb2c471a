import Influence
import TensorCore
import Testing
import Training

/// The engine against explicit per-example gradients, and against itself.
@Suite struct ScoreEngineTests {
  let pool = WorkerPool(threads: 2)

  private static let sequence = "transformer:vocabulary=7,context=5,width=4,heads=2,layers=2"

  private static func built(_ specification: String) -> any Model {
    do {
      return try ModelRegistry.model(specification)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  @Test(
    "the last layer is the weight that meets the data last, whole, with its bias",
    arguments: [
      (built(sequence), ["head.weight"]), (built(sequence + ",tied"), ["wte.weight"]),
      (PositionsModel(folds: false), ["weight", "bias"]),
      (PositionsModel(folds: true), ["weight", "bias"]), (TiedModel(), ["weight", "bias"]),
      (built("cnn:2x7x6:3c3s2p1-a2-4c1-5-3:tanh"), ["8.weight", "8.bias"]),
    ] as [(any Model, [String])])
  func lastLayer(_ model: any Model, _ names: [String]) throws {
    let loss = model is TiedModel ? Loss.squaredError : .crossEntropy
    let problem = SmallProblem(
      model: model, loss: loss, items: 5, queries: 3, checkpoints: 2, layers: .last, seed: 70
    ).make(Double.self)
    let engine = try ScoreEngine(problem, pool: pool)
    let expected = naiveScores(problem, lastLayer: names)
    #expect(relativeDifference(try engine.scores(), expected) < 1e-11)
    let counted = problem.model.layout.entries.filter { names.contains($0.name) }
    #expect(engine.estimate.parameters == counted.reduce(0) { $0 + $1.shape.count })
  }

  static let problems: [(String, SmallProblem)] = [
    ("one checkpoint", SmallProblem()),
    ("three checkpoints", SmallProblem(checkpoints: 3, seed: 2)),
    ("weights per item", SmallProblem(checkpoints: 2, weightsPerItem: true, seed: 3)),
    ("last layer", SmallProblem(layers: .last, seed: 4)),
    ("cosine", SmallProblem(isCosine: true, seed: 5)),
    ("sparse inputs", SmallProblem(sparsity: 0.8, seed: 6)),
    ("sparse, three checkpoints", SmallProblem(checkpoints: 3, sparsity: 0.8, seed: 7)),
    ("squared error", SmallProblem(loss: .squaredError, seed: 8)),
    ("logit", SmallProblem(measure: .logit, seed: 9)),
    ("margin", SmallProblem(measure: .margin, seed: 10)),
    ("log-probability", SmallProblem(measure: .logProbability, seed: 11)),
    (
      "linear model with one output",
      SmallProblem(model: MLP(widths: [6, 1], activation: .relu), loss: .squaredError, seed: 12)
    ),
    (
      "deep relu",
      SmallProblem(model: MLP(widths: [6, 8, 7, 3], activation: .relu), seed: 13)
    ),
    ("positions", SmallProblem(model: PositionsModel(folds: false), checkpoints: 2, seed: 50)),
    ("folded positions", SmallProblem(model: PositionsModel(folds: true), seed: 51)),
    (
      "folded positions, weights per item",
      SmallProblem(
        model: PositionsModel(folds: true), checkpoints: 2, weightsPerItem: true, seed: 52)
    ),
    ("tied weight", SmallProblem(model: TiedModel(), loss: .squaredError, seed: 53)),
    (
      "tied weight, weights per item",
      SmallProblem(
        model: TiedModel(), loss: .squaredError, checkpoints: 2, weightsPerItem: true, seed: 54)
    ),
    (
      "tied weight used four times, cosine",
      SmallProblem(
        model: TiedModel(encodesTwice: true), loss: .squaredError, isCosine: true, seed: 55)
    ),
    (
      "tied weight, sparse inputs",
      SmallProblem(model: TiedModel(), loss: .squaredError, sparsity: 0.8, seed: 56)
    ),
    ("items divided by their norms", SmallProblem(model: NormalizedModel(), seed: 57)),
    ("parameters computed with", SmallProblem(model: AwkwardModel(), checkpoints: 2, seed: 60)),
    (
      "parameters computed with, weights per item",
      SmallProblem(model: AwkwardModel(), weightsPerItem: true, seed: 61)
    ),
    ("grouped convolutions", SmallProblem(model: GroupedModel(), checkpoints: 2, seed: 62)),
    (
      "grouped convolutions, weights per item",
      SmallProblem(model: GroupedModel(), weightsPerItem: true, seed: 63)
    ),
    ("images", SmallProblem(model: built("cnn:2x7x6:3c3s2p1-a2-4c1-5-3:tanh"), seed: 64)),
    ("transformer", SmallProblem(model: built(sequence), checkpoints: 2, seed: 65)),
    ("transformer, cosine", SmallProblem(model: built(sequence), isCosine: true, seed: 66)),
    (
      "transformer, margin", SmallProblem(model: built(sequence), measure: .margin, seed: 67)
    ),
    (
      "tied transformer, weights per item",
      SmallProblem(model: built(sequence + ",tied"), weightsPerItem: true, seed: 68)
    ),
    (
      "sums over positions",
      SmallProblem(model: built(sequence), loss: .crossEntropySum, measure: .logit, seed: 69)
    ),
    ("one item, one query", SmallProblem(items: 1, queries: 1, seed: 14)),
    ("more than a block of items", SmallProblem(items: 300, queries: 3, seed: 15)),
    ("more than a tile of queries", SmallProblem(items: 5, queries: 530, seed: 16)),
  ]

  @Test(arguments: problems.map(\.0), ["", "ghost", "materialized", "contraction"])
  func everyPathEqualsExplicitGradients(_ name: String, _ path: String) throws {
    let problem = try #require(Self.problems.first { $0.0 == name }).1.make(Double.self)
    let engine = try ScoreEngine(problem, pool: pool, memory: nil, path: path)
    let difference = relativeDifference(try engine.scores(), naiveScores(problem))
    #expect(difference < 1e-12, "\(name) by \(path): \(difference)")
  }

  /// Batches of two in blocks of six, which neither divides the items.
  @Test(arguments: problems.map(\.0), ["", "ghost", "materialized", "contraction"])
  func blocksOfSeveralBatchesHaveTheSameScores(_ name: String, _ path: String) throws {
    let problem = try #require(Self.problems.first { $0.0 == name }).1.make(Double.self)
    let engine = try ScoreEngine(
      problem, pool: pool, memory: nil, path: path, batch: 2, blockSize: 6)
    #expect(relativeDifference(try engine.scores(), naiveScores(problem)) < 1e-12)
  }

  @Test(arguments: problems.map(\.0))
  func float32StaysCloseToFloat64(_ name: String) throws {
    let small = try #require(Self.problems.first { $0.0 == name }).1
    let scores = try ScoreEngine(small.make(Float.self), pool: pool).scores()
    let exact = naiveScores(small.make(Double.self))
    #expect(relativeDifference(scores.cast(), exact) < 1e-5)
  }

  @Test(arguments: problems.map(\.0))
  func bitsDoNotDependOnThreadsMemoryOrStreaming(_ name: String) throws {
    let problem = try #require(Self.problems.first { $0.0 == name }).1.make(Float.self)
    let reference = try ScoreEngine(problem, pool: WorkerPool(threads: 1)).scores()
    for threads in [2, 3] {
      let engine = try ScoreEngine(problem, pool: WorkerPool(threads: threads))
      #expect(try engine.scores() == reference)
      var streamed = Tensor<Float>(reference.shape)
      try engine.forEachPanel { rows, columns, panel in
        for (row, query) in rows.enumerated() {
          for (column, item) in columns.enumerated() {
            streamed[query, item] = panel[row * columns.count + column]
          }
        }
      }
      #expect(streamed == reference)
    }
    let smallest = try smallestMemory(problem)
    let tight = try ScoreEngine(problem, pool: pool, memory: smallest)
    #expect(try tight.scores() == reference)
    #expect(tight.estimate.peakBytes <= smallest)
  }

  /// The least memory that is accepted, from the refusal's own figure.
  private func smallestMemory(_ problem: ScoreProblem<Float>) throws -> Int {
    do {
      _ = try ScoreEngine(problem, pool: pool, memory: 1)
      Issue.record("one byte was accepted")
      return 0
    } catch ScoreError.memory(let needed, _) {
      return needed
    }
  }

  @Test(arguments: problems.map(\.0))
  func strongestItemsAreThoseOfTheSortedMatrix(_ name: String) throws {
    let problem = try #require(Self.problems.first { $0.0 == name }).1.make(Double.self)
    let engine = try ScoreEngine(problem, pool: pool)
    let matrix = try engine.scores()
    for stopsEarly in [false, true] {
      for k in [0, 1, 4, 1000] {
        let top = try engine.topItems(k, stopsEarly: stopsEarly)
        #expect(top.queries.count == problem.queries.count)
        for (query, found) in top.queries.enumerated() {
          let row = matrix.row(query).scalars
          let ascending = row.indices.sorted { row[$0] == row[$1] ? $0 < $1 : row[$0] < row[$1] }
          let descending = row.indices.sorted { row[$0] == row[$1] ? $0 < $1 : row[$0] > row[$1] }
          // Supporters support, and opponents oppose.
          let (supporting, opposing) = (
            descending.filter { row[$0] > 0 }, ascending.filter { row[$0] < 0 }
          )
          #expect(found.supporters.map(\.item) == Array(supporting.prefix(k)))
          #expect(found.opponents.map(\.item) == Array(opposing.prefix(k)))
          for ranked in found.supporters {
            let scale = row.map(abs).max() ?? 1
            #expect(abs(ranked.score - row[ranked.item]) <= 1e-12 * scale)
          }
        }
      }
    }
  }

  /// A few items with large gradients: the rest of the products is never taken.
  @Test func earlyStoppingSkipsItemsWithSmallGradients() throws {
    let small = SmallProblem(items: 5000, queries: 4, seed: 20).make(Double.self)
    var inputs = small.items.inputs
    let width = small.model.inputShape.count
    for item in 0..<small.items.count where item % 100 != 0 {
      for column in 0..<width { inputs.scalars[item * width + column] *= 1e-3 }
    }
    // Without biases that see every item equally, small inputs mean small gradients.
    let problem = ScoreProblem(
      model: small.model, loss: small.loss,
      items: Dataset(inputs: inputs, targets: small.items.targets), queries: small.queries,
      checkpoints: [
        WeightedCheckpoint(
          parameters: small.checkpoints[0].parameters,
          weight: .perItem((0..<5000).map { $0 % 100 == 0 ? 1 : 1e-4 }))
      ])
    let engine = try ScoreEngine(problem, pool: pool)
    let (early, full) = (
      try engine.topItems(5), try engine.topItems(5, stopsEarly: false)
    )
    #expect(
      early.queries.map { $0.supporters.map(\.item) }
        == full.queries.map { $0.supporters.map(\.item) })
    #expect(
      early.queries.map { $0.opponents.map(\.item) }
        == full.queries.map { $0.opponents.map(\.item) })
    #expect(early.skippedShare > 0.5)
    #expect(full.skippedShare == 0)
  }

  @Test(arguments: problems.map(\.0))
  func selfInfluenceIsTheDiagonal(_ name: String) throws {
    var small = try #require(Self.problems.first { $0.0 == name }).1
    small.measure = .loss
    let own = small.make(Double.self)
    let problem = ScoreProblem(
      model: own.model, loss: own.loss, items: own.items, queries: own.items,
      checkpoints: own.checkpoints, layers: own.layers, isCosine: own.isCosine)
    let engine = try ScoreEngine(problem, pool: pool)
    let (diagonal, matrix) = (try engine.selfInfluence(), try engine.scores())
    for item in 0..<problem.items.count {
      #expect(diagonal[item] >= 0)
      #expect(abs(diagonal[item] - matrix[item, item]) <= 1e-12 * abs(diagonal[item]))
    }
  }

  @Test func permutingItemsPermutesColumnsBitForBit() throws {
    let problem = SmallProblem(items: 40, queries: 5, seed: 30).make(Float.self)
    let order = (0..<40).map { ($0 * 7 + 3) % 40 }
    let permuted = ScoreProblem(
      model: problem.model, loss: problem.loss, items: problem.items[order],
      queries: problem.queries, checkpoints: problem.checkpoints)
    let scores = try ScoreEngine(problem, pool: pool).scores()
    let moved = try ScoreEngine(permuted, pool: pool).scores()
    for query in 0..<5 {
      for (position, item) in order.enumerated() {
        #expect(moved[query, position] == scores[query, item])
      }
    }
  }

  @Test func emptySidesGiveEmptyScores() throws {
    let problem = SmallProblem().make(Float.self)
    let none = problem.items[[]]
    for (items, queries) in [(none, problem.queries), (problem.items, none), (none, none)] {
      let empty = ScoreProblem(
        model: problem.model, loss: problem.loss, items: items, queries: queries,
        checkpoints: problem.checkpoints)
      let engine = try ScoreEngine(empty, pool: pool)
      #expect(try engine.scores().shape == [queries.count, items.count])
      #expect(try engine.topItems(3).queries.count == queries.count)
      #expect(try engine.selfInfluence().count == items.count)
    }
  }

  @Test(.enabled(if: ProductBackend.forced != .blas))
  func strongestItemsHaveTheBitsOfTheMatrix() throws {
    let small = SmallProblem(
      model: MLP(widths: [160, 24, 5], activation: .relu), items: 6000, queries: 21, seed: 40
    ).make(Float.self)
    let problem = ScoreProblem(
      model: small.model, loss: small.loss, items: small.items, queries: small.queries,
      checkpoints: [
        WeightedCheckpoint(
          parameters: small.checkpoints[0].parameters,
          weight: .perItem((0..<6000).map { 1 / Double(1 + $0 % 50) }))
      ])
    let engine = try ScoreEngine(problem, pool: pool)
    let matrix = try engine.scores()
    let early = try engine.topItems(3)
    #expect(early.skippedShare > 0)
    for found in [early, try engine.topItems(3, stopsEarly: false)] {
      for (query, top) in found.queries.enumerated() {
        for ranked in top.supporters + top.opponents {
          #expect(ranked.score == Double(matrix[query, ranked.item]))
        }
      }
    }
    #expect(try engine.topItems(3, stopsEarly: false).queries == early.queries)
  }

  /// Every item twice, in a shuffled order: equal items have equal scores, and of equal scores the
  /// earlier item stands first, in the matrix as in lists that stop early.
  @Test(
    .enabled(if: ProductBackend.forced != .blas),
    arguments: [[784, 32, 10], [64, 32, 10], [16, 8, 3]], [2, 9, 50])
  func copiesScoreAlikeAndKeepTheirOrder(widths: [Int], pairs: Int) throws {
    let small = SmallProblem(
      model: MLP(widths: widths, activation: .relu), items: pairs, queries: 3, sparsity: 0.5,
      seed: UInt64(pairs)
    ).make(Float.self)
    let order = (0..<2 * pairs).map { $0 * 7 % (2 * pairs) }.map { $0 % pairs }
    let problem = ScoreProblem(
      model: small.model, loss: small.loss, items: small.items[order], queries: small.queries,
      checkpoints: small.checkpoints)
    let engine = try ScoreEngine(problem, pool: pool)
    let matrix = try engine.scores()
    let early = try engine.topItems(2 * pairs)
    #expect(try engine.topItems(2 * pairs, stopsEarly: false).queries == early.queries)
    let own = try engine.selfInfluence()
    for query in 0..<3 {
      let scores = matrix.row(query).scalars
      for (a, b) in zip(order.indices, order.indices.dropFirst()) where order[a] == order[b] {
        #expect(scores[a] == scores[b])
      }
      var first: [Int: Int] = [:]
      for (place, item) in order.enumerated() {
        let earlier = first[item] ?? place
        first[item] = earlier
        #expect(scores[place] == scores[earlier])
        #expect(own[place] == own[earlier])
      }
      let sorted = order.indices.sorted {
        scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1]
      }
      #expect(early.queries[query].supporters.map(\.item) == sorted.filter { scores[$0] > 0 })
      let opposed = order.indices.sorted {
        scores[$0] == scores[$1] ? $0 < $1 : scores[$0] < scores[$1]
      }
      #expect(early.queries[query].opponents.map(\.item) == opposed.filter { scores[$0] < 0 })
    }
  }

  /// A query's row does not depend on the company in which it is asked, whatever the network.
  @Test(
    .enabled(if: ProductBackend.forced != .blas),
    arguments: [
      MLP(widths: [160, 24, 5], activation: .relu) as any Model, PositionsModel(folds: true),
      PositionsModel(folds: false), built(sequence),
    ], [1, 2, 17])
  func queriesHaveTheSameBitsInAnyCompany(model: any Model, asked: Int) throws {
    let problem = SmallProblem(model: model, items: 70, queries: 40, checkpoints: 2, seed: 42)
      .make(Float.self)
    let whole = try ScoreEngine(problem, pool: pool).scores()
    let chosen = (0..<asked).map { ($0 * 13 + 7) % 40 }
    let few = ScoreProblem(
      model: problem.model, loss: problem.loss, items: problem.items,
      queries: problem.queries[chosen], checkpoints: problem.checkpoints)
    let part = try ScoreEngine(few, pool: pool).scores()
    for (row, query) in chosen.enumerated() {
      #expect(part.row(row).scalars == whole.row(query).scalars)
    }
  }

  /// The parameters after the last step stand for no step and cost nothing.
  @Test func checkpointsWithoutWeightChangeNothing() throws {
    let problem = SmallProblem(checkpoints: 2, seed: 41).make(Float.self)
    func scores(_ checkpoints: [WeightedCheckpoint<Float>]) throws -> Tensor<Float> {
      try ScoreEngine(
        ScoreProblem(
          model: problem.model, loss: problem.loss, items: problem.items, queries: problem.queries,
          checkpoints: checkpoints), pool: pool
      ).scores()
    }
    let own = problem.checkpoints[0]
    let idle = WeightedCheckpoint(
      parameters: problem.checkpoints[1].parameters,
      weight: .perItem([Double](repeating: 0, count: 21)))
    #expect(try scores([own, idle]) == scores([own]))
    #expect(try scores([idle, own]) == scores([own]))
    #expect(try scores([idle]).scalars.allSatisfy { $0 == 0 })
  }
}
