import Influence
import TensorCore
import Testing
import Training

/// What must hold for any run: drawn at random, the same ones each time.
@Suite("Ledgers of random runs")
struct LedgerPropertyTests {
  static let seeds = Array(UInt64(1)...20)

  @Test("credits and decay add up to the measured change", arguments: seeds)
  func credit(_ seed: UInt64) throws {
    let drawn = try LedgerCase(seed)
    // Closer for smooth networks, whose residual falls with the fourth power of a panel's width.
    let tolerance = drawn.isSmooth ? 1e-8 : 1e-4
    for rule in [QuadratureRule.simpson, .midpoint, .gauss] {
      for account in try drawn.accounts([.credit], rule: rule, tolerance: tolerance) {
        let column = try #require(account.columns[.credit])
        #expect(column.relativeResidual <= tolerance, "\(drawn.story) \(rule)")
        // The three phases are the whole.
        for (item, row) in column.items.enumerated() {
          let parts = column.phases.reduce(0) { $0 + $1[item] }
          #expect(abs(parts - row) <= 1e-15 * column.movement)
        }
        #expect((column.decay == 0) == (drawn.run.optimizer.weightDecay.rate == 0))
      }
    }
  }

  @Test("Simpson's rule is within 1e-6 of the change without being asked", arguments: seeds)
  func unrefined(_ seed: UInt64) throws {
    let drawn = try LedgerCase(seed, activations: [.tanh, .sigmoid, .gelu, .silu, .geluTanh])
    for account in try drawn.accounts([.credit], tolerance: 1e-6) {
      #expect(try #require(account.columns[.credit]).relativeResidual <= 1e-6, "\(drawn.story)")
    }
  }

  @Test("and to 1e-4 in Float32", arguments: seeds)
  func single(_ seed: UInt64) throws {
    let drawn = try LedgerCase(seed)
    let double = try drawn.accounts([.credit], tolerance: 1e-5)
    let single = try Ledger(
      drawn.single(), options: LedgerOptions(columns: [.credit]), pool: WorkerPool(threads: 2)
    ).accounts()
    for (account, truth) in zip(single, double) {
      let column = try #require(account.columns[.credit])
      let expected = try #require(truth.columns[.credit])
      #expect(column.relativeResidual <= 1e-4, "\(drawn.story)")
      let difference = zip(column.items, expected.items).map { abs($0 - $1) }.max() ?? 0
      #expect(difference <= 2e-4 * expected.movement, "\(drawn.story)")
    }
  }

  @Test("an item that no batch holds has nothing in any column", arguments: seeds)
  func absent(_ seed: UInt64) throws {
    let drawn = try LedgerCase(seed)
    for account in try drawn.accounts([.credit, .marginal, .integrated], tolerance: 1) {
      for (_, column) in account.columns {
        #expect(column.items[drawn.absent] == 0, "\(drawn.story)")
        for phase in column.phases { #expect(phase[drawn.absent] == 0) }
      }
      // An item of no weight makes no step, but would if it had some.
      guard let idle = drawn.run.itemWeights?.firstIndex(of: 0) else { continue }
      #expect(account.columns[.credit]?.items[idle] == 0)
    }
  }

  @Test("items in another order have the same rows, to the bit", arguments: seeds)
  func permuted(_ seed: UInt64) throws {
    let drawn = try LedgerCase(seed)
    var (other, draws) = (drawn, Draws(seed))
    let count = drawn.run.train.items.count
    let order = (0..<count).map { ($0, draws.next()) }.sorted { $0.1 < $1.1 }.map(\.0)
    var place = [Int](repeating: 0, count: count)
    for (new, old) in order.enumerated() { place[old] = new }
    other.run.train = .init(drawn.run.train.items[order])
    other.run.batches = Batches(
      size: drawn.run.batches.size, rows: drawn.run.batches.rows.map { $0 < 0 ? $0 : place[$0] })
    other.run.itemWeights = drawn.run.itemWeights.map { weights in order.map { weights[$0] } }
    let columns: Set<LedgerColumn> =
      drawn.isScaled ? [.credit, .marginal] : Set(LedgerColumn.allCases)
    let usual = try drawn.accounts(columns, tolerance: 0.1)
    let permuted = try other.accounts(columns, tolerance: 0.1)
    for (usual, permuted) in zip(usual, permuted) {
      for column in columns {
        let rows = try #require(usual.columns[column]?.items)
        #expect(permuted.columns[column]?.items == order.map { rows[$0] }, "\(drawn.story)")
      }
    }
  }

  /// Momentum buffers of each item and of the decay, kept forward in time, step by step, with the
  /// measure's gradient averaged over twelve nodes of each step.
  private func bookkeeping(_ drawn: LedgerCase) throws -> (items: [[Double]], decay: [Double]) {
    let run = drawn.run
    let (settings, data) = (run.optimizer, run.train.items)
    let (loss, measure) = (OneByOne(run), OneByOne(run, drawn.measure))
    let (trainer, rule) = (run.makeTrainer(), GaussLegendre(12))
    let streams = data.count + 1
    let zeros = [Double](repeating: 0, count: run.model.layout.count)
    var buffers = [[Double]](repeating: zeros, count: streams)
    var credits = [[Double]](
      repeating: [Double](repeating: 0, count: streams), count: drawn.queries.count)
    for step in 0..<run.batches.count {
      let (before, rate) = (trainer.state.parameters, run.learningRates[step])
      let scale = try trainer.step(run.batches[step], learningRate: rate).clipScale
      let after = trainer.state
      var entering = [[Double]](repeating: zeros, count: streams)
      let present = Double(run.batches.itemCount(at: step))
      for item in run.batches[step] where item >= 0 {
        let share = scale * (run.itemWeights?[item] ?? 1) / present
        entering[item] = sum(entering[item], share, loss.gradient(data, item, at: before))
      }
      let decay = settings.weightDecay
      if decay.kind == .coupled {
        entering[data.count] = sum(zeros, decay.rate, before)
      }
      var moves: [[Double]] = []
      for stream in 0..<streams {
        let gradient = entering[stream]
        var move: [Double]
        switch settings.name {
        case "sgd": move = sum(zeros, -rate, gradient)
        case "momentum", "nesterov":
          buffers[stream] = sum(gradient, settings.momentum, buffers[stream])
          move =
            settings.name == "momentum"
            ? sum(zeros, -rate, buffers[stream])
            : sum(sum(zeros, -rate, gradient), -rate * settings.momentum, buffers[stream])
        default:
          buffers[stream] = sum(
            sum(zeros, settings.beta1, buffers[stream]), 1 - settings.beta1, gradient)
          func power(_ base: Double) -> Double { (0...step).reduce(1) { a, _ in a * base } }
          move = zip(buffers[stream], after.optimizer[1]).map { m, v in
            let root = (v / (1 - power(settings.beta2))).squareRoot()
            return -rate / (1 - power(settings.beta1)) * m / (root + settings.epsilon)
          }
        }
        if stream == data.count, decay.kind == .decoupled {
          move = sum(move, -rate * decay.rate, before)
        }
        moves.append(move)
      }
      // The moves of all streams are the step: the test keeps its own books straight.
      let chord = sum(after.parameters, -1, before)
      let together = moves.reduce(zeros) { sum($0, 1, $1) }
      #expect(worst(together, chord) < 1e-9, "step \(step), \(drawn.story)")
      for query in 0..<drawn.queries.count {
        var average = zeros
        for (place, weight) in zip(rule.nodes, rule.weights) {
          average = sum(
            average, weight,
            measure.gradient(drawn.queries, query, at: sum(before, place, chord)))
        }
        for stream in 0..<streams { credits[query][stream] += dot(average, moves[stream]) }
      }
    }
    return (credits.map { $0.dropLast() }, credits.map { $0[data.count] })
  }

  @Test(
    "adjoints of the queries find what forward books with a buffer per item find",
    arguments: seeds)
  func forward(_ seed: UInt64) throws {
    let drawn = try LedgerCase(seed, activations: [.tanh, .sigmoid, .gelu, .silu, .geluTanh])
    let expected = try bookkeeping(drawn)
    // Twelve nodes of Gauss leave about 1e-12 of these steps; what is refined leaves 1e-10.
    let accounts = try drawn.accounts([.credit], rule: .gauss, tolerance: 1e-10)
    for (query, account) in accounts.enumerated() {
      let rows = account.raw(.credit) + [account.rawDecay(.credit)]
      let truth = expected.items[query] + [expected.decay[query]]
      #expect(worst(rows, truth) < 1e-8, "\(drawn.story)")
    }
  }

  @Test("two copies of half the weight share what the item had", arguments: UInt64(1)...10)
  func split(_ seed: UInt64) throws {
    var drawn = try LedgerCase(seed, activations: [.tanh, .sigmoid, .silu])
    drawn.run.optimizer.epsilon = 0.1
    let items = drawn.run.train.items
    // Item 0 is in every batch once, so that all batches get one entry more.
    let others = items.count - 1
    var (rows, more): ([Int], [Int]) = ([], [])
    for step in 0..<5 {
      let batch = [0, 1 + step % others, 1 + (step * 3 + 1) % others]
      rows += batch
      more += batch + [items.count]
    }
    drawn.run.batches = Batches(size: 3, rows: rows)
    drawn.run.learningRates = [Double](repeating: drawn.isScaled ? 0.1 : 0.4, count: 5)
    let weights = [1.5] + [Double](repeating: 0.9, count: items.count - 1)
    drawn.run.itemWeights = weights
    var halves = drawn
    halves.run.train = .init(items[Array(0..<items.count) + [0]])
    halves.run.batches = Batches(size: 4, rows: more)
    // The mean is over four entries now.
    let four: [Double] = weights.map { $0 * 4 / 3 }
    halves.run.itemWeights = [four[0] / 2] + Array(four.dropFirst()) + [four[0] / 2]
    let columns: Set<LedgerColumn> =
      drawn.isScaled ? [.credit, .marginal] : Set(LedgerColumn.allCases)
    let whole = try drawn.accounts(columns, rule: .gauss, tolerance: 1e-5)
    let parts = try halves.accounts(columns, rule: .gauss, tolerance: 1e-5)
    for (whole, parts) in zip(whole, parts) {
      for column in columns {
        var truth = try #require(whole.columns[column]?.items)
        let rows = try #require(parts.columns[column]?.items)
        #expect(rows[0] == rows[items.count], "\(drawn.story) \(column)")
        var found = Array(rows.dropLast())
        found[0] += rows[items.count]
        if column == .marginal {
          // It is per unit of weight; what the weight makes of it is the same.
          truth = zip(truth, weights).map { $0 * $1 }
          found = zip(found, four).map { $0 * $1 }
          found[0] /= 2
        }
        // The same steps, summed in another order.
        #expect(worst(found, truth) < 1e-10, "\(drawn.story) \(column)")
      }
    }
  }
}
