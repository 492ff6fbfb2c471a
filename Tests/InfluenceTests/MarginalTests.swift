import Influence
import TensorCore
import Testing
import Training

/// Marginal and integrated column against runs that are made again with other weights.
@Suite("Marginal against retraining")
struct MarginalTests {
  private static let smooth: [Activation] = [.tanh, .sigmoid, .gelu, .silu, .geluTanh]

  /// The measures at the end of a run with some weights.
  private func measures(_ drawn: LedgerCase, _ weights: [Double]) throws -> [Double] {
    let trainer = drawn.run.makeTrainer()
    trainer.itemWeights = weights
    try trainer.run(drawn.run.batches, drawn.run.learningRates)
    let (one, end) = (OneByOne(drawn.run, drawn.measure), trainer.parameters)
    return (0..<drawn.queries.count).map { one.value(drawn.queries, $0, at: end) }
  }

  /// ∂f/∂w_i `[Q][N]` at some weights by central differences of two widths, which leave h⁴.
  private func differences(_ drawn: LedgerCase, _ weights: [Double]) throws -> [[Double]] {
    var rows = [[Double]](
      repeating: [Double](repeating: 0, count: weights.count), count: drawn.queries.count)
    for item in weights.indices where drawn.run.batches.rows.contains(item) {
      func slope(_ h: Double) throws -> [Double] {
        var (up, down) = (weights, weights)
        up[item] += h
        down[item] -= h
        return zip(try measures(drawn, up), try measures(drawn, down)).map {
          ($0 - $1) / (2 * h)
        }
      }
      let (wide, narrow) = (try slope(1e-3), try slope(5e-4))
      for query in rows.indices { rows[query][item] = (4 * narrow[query] - wide[query]) / 3 }
    }
    return rows
  }

  private func weights(_ drawn: LedgerCase) -> [Double] {
    drawn.run.itemWeights ?? [Double](repeating: 1, count: drawn.run.train.items.count)
  }

  @Test("is the slope of retraining by each item's weight", arguments: UInt64(1)...15)
  func slope(_ seed: UInt64) throws {
    var drawn = try LedgerCase(seed, activations: Self.smooth)
    // Both always there; clipping cuts some steps and not others.
    drawn.run.optimizer.weightDecay.rate = 0.1
    drawn.run.optimizer.clipNorm = 0.5
    let expected = try differences(drawn, weights(drawn))
    for (query, account) in try drawn.accounts([.marginal]).enumerated() {
      #expect(worst(account.raw(.marginal), expected[query]) < 1e-6, "\(drawn.story)")
    }
  }

  @Test(
    "also where groups of parameters have rates and decays of their own, and credit adds up",
    arguments: UInt64(1)...10)
  func groups(_ seed: UInt64) throws {
    var drawn = try LedgerCase(seed, activations: Self.smooth)
    drawn.run.optimizer.weightDecay.rate = 0.1
    let entries = drawn.run.model.layout.entries.map(\.name)
    let rates = drawn.run.learningRates.enumerated().map { 0.3 * $1 + 0.01 * Double($0) }
    drawn.run.optimizer.groups = [
      ParameterGroup([entries[1]], weightDecay: 0, learningRates: rates),
      ParameterGroup(entries.count > 2 ? [entries[2]] : [], weightDecay: 0.4),
    ]
    let expected = try differences(drawn, weights(drawn))
    for (query, account) in try drawn.accounts([.credit, .marginal]).enumerated() {
      #expect(worst(account.raw(.marginal), expected[query]) < 1e-6, "\(drawn.story)")
      let credit = try #require(account.columns[.credit])
      #expect(credit.relativeResidual < 1e-3, "\(drawn.story)")
      #expect(credit.decay != 0)
    }
  }

  @Test("each rule's steps are clipped, and are not") func clipping() throws {
    var scales: [Double] = []
    for seed in UInt64(1)...5 {
      var drawn = try LedgerCase(seed, activations: Self.smooth)
      drawn.run.optimizer.clipNorm = 0.5
      let trainer = drawn.run.makeTrainer()
      try trainer.run(drawn.run.batches, drawn.run.learningRates) { scales.append($0.clipScale) }
    }
    #expect(scales.contains { $0 < 1 } && scales.contains(1))
  }

  @Test("the integrated column is the integral of such slopes", arguments: UInt64(1)...3)
  func integrated(_ seed: UInt64) throws {
    // SGD, momentum and Nesterov.
    var drawn = try LedgerCase(seed == 3 ? 5 : seed, activations: [.tanh])
    drawn.run.optimizer.clipNorm = nil
    let (full, rule) = (weights(drawn), GaussLegendre(12))
    var expected = [[Double]](
      repeating: [Double](repeating: 0, count: full.count), count: drawn.queries.count)
    for (place, weight) in zip(rule.nodes, rule.weights) {
      let slopes = try differences(drawn, full.map { $0 * place })
      for query in expected.indices {
        expected[query] = sum(
          expected[query], weight, zip(slopes[query], full).map { $0 * $1 })
      }
    }
    let idle = try measures(drawn, full.map { _ in 0 })
    for (query, account) in try drawn.accounts([.integrated], tolerance: 1e-6).enumerated() {
      let column = try #require(account.columns[.integrated])
      #expect(column.refusal == nil && column.relativeResidual <= 1e-6, "\(drawn.story)")
      #expect(worst(account.raw(.integrated), expected[query]) < 1e-5, "\(drawn.story)")
      // What would have happened without any item is the decay's.
      let decay = account.rawDecay(.integrated)
      #expect(abs(decay - (idle[query] - account.measureInitial)) < 1e-12)
      let total = account.columns[.integrated].map { $0.itemsSum + $0.decay + $0.residual }
      #expect(abs((total ?? 0) - account.total) < 1e-12)
    }
  }

  @Test("where it does not converge it is refused, and the reason names the residual")
  func refused() throws {
    // Kinks met at large steps, and Adam, which turns within ε of no weight.
    var kinks = try LedgerCase(4, activations: [.relu])
    kinks.run.optimizer = OptimizerSettings(SGD.self)
    kinks.run.learningRates = kinks.run.learningRates.map { _ in 1.5 }
    var adam = try LedgerCase(3, activations: [.tanh])
    adam.run.optimizer = OptimizerSettings(Adam.self)
    for drawn in [kinks, adam] {
      let accounts = try drawn.accounts([.integrated, .credit], tolerance: 1e-6)
      let refused = accounts.compactMap { $0.columns[.integrated] }.filter { $0.refusal != nil }
      #expect(!refused.isEmpty, "\(drawn.story)")
      for column in refused {
        let reason = try #require(column.refusal)
        #expect(column.relativeResidual > 1e-6)
        #expect(reason.contains(" nodes") && reason.contains("of the gross movement"), "\(reason)")
        #expect(!reason.contains("\n"))
      }
      // The other column has nothing to do with it; twelve halvings of a step leave this of a kink.
      for account in accounts {
        #expect(try #require(account.columns[.credit]).relativeResidual <= 1e-4)
      }
    }
  }

  @Test("without weight only decay acts: all of it is the decay's") func weightless() throws {
    for seed in UInt64(1)...5 {
      var drawn = try LedgerCase(seed, activations: [.tanh])
      drawn.run.itemWeights = weights(drawn).map { _ in 0 }
      drawn.run.optimizer.weightDecay.rate = seed % 2 == 0 ? 0 : 0.2
      for account in try drawn.accounts([.credit, .integrated], tolerance: 1e-6) {
        for (_, column) in account.columns {
          #expect(column.items.allSatisfy { $0 == 0 }, "\(drawn.story)")
          #expect(abs(column.decay - account.total) <= 1e-6 * abs(account.total))
          #expect(column.refusal == nil && (seed % 2 == 1 || column.relativeResidual == 0))
        }
      }
    }
  }
}
