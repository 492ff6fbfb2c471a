import Foundation
import Influence
import TensorCore
import Testing
import Training

/// One step on a batch of eight as a game: what each set of its items alone would have moved.
private struct StepGame {
  let run: TrainingRun<Double>
  let query: Dataset<Double>
  private let loss: OneByOne
  private let start: [Double]
  private let gradients: [[Double]]
  private let rate: Double

  init(_ seed: UInt64, rate: Double) throws {
    var draws = Draws(seed)
    let model = MLP(widths: [4, 5, 3], activation: .tanh)
    let items = LedgerCase.data(8, model, .crossEntropy, &draws)
    query = LedgerCase.data(1, model, .crossEntropy, &draws)
    run = try TrainingRun(
      model, train: .init(items), learningRate: rate, batchSize: 8, epochs: 1, seed: seed)
    loss = OneByOne(run)
    start = run.initialParameters
    let (one, parameters) = (loss, start)
    gradients = (0..<8).map { one.gradient(items, $0, at: parameters) }
    // The mean loss: every item moves by a share 1/b of the rate.
    self.rate = rate / 8
  }

  private func gradient(at parameters: [Double]) -> [Double] {
    loss.gradient(query, 0, at: parameters)
  }

  /// −η g_i · ∇f.
  var firstOrder: [Double] {
    let own = gradient(at: start)
    return gradients.map { -rate * dot($0, own) }
  }

  /// First order and ½ η² g_iᵀ H Σ_j g_j (In-Run Data Shapley, theorem 4).
  var secondOrder: [Double] {
    let all = gradients.reduce([Double](repeating: 0, count: start.count)) { sum($0, 1, $1) }
    // H v from gradients at four places, which leaves about 1e-12.
    func slope(_ h: Double) -> [Double] {
      let (up, down) = (gradient(at: sum(start, h, all)), gradient(at: sum(start, -h, all)))
      return zip(up, down).map { ($0 - $1) / (2 * h) }
    }
    let product = sum(slope(1e-3).map { $0 * -1 / 3 }, 4.0 / 3, slope(5e-4))
    return zip(firstOrder, gradients).map { $0 + rate * rate / 2 * dot($1, product) }
  }

  /// f after the items of a set have moved the parameters, minus f before.
  private func worth(_ set: Int) -> Double {
    var parameters = start
    for item in 0..<8 where set >> item & 1 == 1 {
      parameters = sum(parameters, -rate, gradients[item])
    }
    return loss.value(query, 0, at: parameters)
  }

  /// The Shapley values over all 2⁸ sets.
  var exact: [Double] {
    let worths = (0..<256).map(worth)
    let factorial = (0...8).map { n in (0..<n).reduce(1.0) { $0 * Double($1 + 1) } }
    return (0..<8).map { item in
      (0..<256).reduce(0.0) { sum, set in
        if set >> item & 1 == 1 { return sum }
        let size = set.nonzeroBitCount
        let weight = factorial[size] * factorial[7 - size] / factorial[8]
        return sum + weight * (worths[set | 1 << item] - worths[set])
      }
    }
  }

  /// The credits in the sign of the loss, of one node or more, but nothing refined.
  func credit(_ rule: QuadratureRule) throws -> [Double] {
    let problem = LedgerProblem(
      run: run, queries: query, measure: QueryMeasure(.loss, loss: .crossEntropy))
    let options = LedgerOptions(columns: [.credit], rule: rule, tolerance: .infinity)
    let accounts = try Ledger(problem, options: options, pool: WorkerPool(threads: 1)).accounts()
    return accounts[0].raw(.credit)
  }
}

/// Credit of a single step beside Shapley's value of the step.
@Suite("Credit of one step and In-Run Data Shapley")
struct ShapleyTests {
  private static let seeds = Array(UInt64(1)...6)

  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    let difference = sum(a, -1, b)
    return dot(difference, difference).squareRoot()
  }

  @Test("the left node is first order", arguments: seeds) func left(_ seed: UInt64) throws {
    let game = try StepGame(seed, rate: 0.5)
    #expect(worst(try game.credit(.left), game.firstOrder) < 1e-13)
  }

  @Test("the middle node is second order but for η³", arguments: seeds)
  func midpoint(_ seed: UInt64) throws {
    var distances: [Double] = []
    for rate in [0.4, 0.2, 0.1] {
      let game = try StepGame(seed, rate: rate)
      distances.append(distance(try game.credit(.midpoint), game.secondOrder))
    }
    // Half the step, an eighth of the difference; the next power of η is not nothing yet.
    for (large, small) in zip(distances, distances.dropFirst()) {
      #expect((7...9).contains(large / small), "\(distances)")
    }
  }

  @Test(
    "and nearer to the exact value over all sets than first and second order are", arguments: seeds)
  func exact(_ seed: UInt64) throws {
    for rate in [0.1, 0.5, 2] {
      let game = try StepGame(seed, rate: rate)
      let exact = game.exact
      let first = distance(game.firstOrder, exact)
      let second = distance(game.secondOrder, exact)
      for rule in [QuadratureRule.midpoint, .simpson, .gauss] {
        let found = distance(try game.credit(rule), exact)
        #expect(found < first / 2 && found < second, "\(rule), rate \(rate)")
      }
    }
  }

  @Test("both share out the whole change", arguments: seeds) func whole(_ seed: UInt64) throws {
    let game = try StepGame(seed, rate: 2)
    let (exact, credit) = (game.exact.reduce(0, +), try game.credit(.gauss).reduce(0, +))
    // Gauss's three nodes leave a sixth power of the step.
    #expect(abs(exact - credit) < 1e-5 * abs(exact))
  }
}

/// Credit with the gradient before each step, and TracIn with a checkpoint before each step.
@Suite("Left rule and TracIn")
struct LeftRuleTests {
  @Test(
    "are the same numbers, clipped or not, weighted or not, decayed or not",
    arguments: [nil, 0.2], [false, true])
  func same(clipNorm: Double?, isWeighted: Bool) throws {
    let folder = NSTemporaryDirectory() + "palimpsest-left-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var draws = Draws(31)
    let model = MLP(widths: [3, 4, 3], activation: .relu)
    let items = LedgerCase.data(7, model, .crossEntropy, &draws)
    let queries = LedgerCase.data(3, model, .crossEntropy, &draws)
    var settings = OptimizerSettings(SGD.self)
    settings.clipNorm = clipNorm
    settings.weightDecay.rate = isWeighted ? 0.1 : 0
    // Seven items in batches of three: every third batch is short.
    var run = try TrainingRun(
      model, train: .init(items), optimizer: settings, learningRate: 0.5,
      schedule: Schedule("cosine"), batchSize: 3, epochs: 3, checkpointEvery: 1)
    if isWeighted { run.itemWeights = [1, 0.5, 2, 0, 1, 3, 1] }
    try run.record(in: folder)
    let record = try RunRecord(folder: folder)
    let pool = WorkerPool(threads: 2)
    for measure in Measure.allCases {
      let problem = ScoreProblem(
        model: model, loss: .crossEntropy, measure: measure, items: items, queries: queries,
        checkpoints: try record.weightedCheckpoints(trajectory: true))
      let scores = try ScoreEngine(problem, pool: pool).scores()
      let accounts = try Ledger(
        LedgerProblem(
          record: record, queries: queries, measure: QueryMeasure(measure, loss: .crossEntropy)),
        options: LedgerOptions(columns: [.credit], rule: .left), pool: pool
      ).accounts()
      for (query, account) in accounts.enumerated() {
        // Both are positive where the item supports the output.
        let rows = try #require(account.columns[.credit]?.items)
        #expect(worst(rows, scores.row(query).scalars) < 1e-12, "\(measure)")
      }
    }
  }
}
