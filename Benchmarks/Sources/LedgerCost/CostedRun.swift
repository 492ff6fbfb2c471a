import Foundation
import Palimpsest

/// One size of the run, and the best times so far.
final class CostedRun {
  private enum Part: String, CaseIterable {
    case training, credit, marginal
    case retrainings = "100 retrainings"
  }

  private let run: TrainingRun<Float>
  private let epochs: Int
  private let trainer: Trainer<Float>
  private let initial: TrainingState<Float>
  private let queries: Dataset<Float>
  private let ledgers: [LedgerColumn: Ledger<Float>]
  private let retraining: BulkRetraining<Float>
  private let variants: [BulkRetraining<Float>.Variant]
  private var best: [Part: Double] = [:]

  init(epochs: Int, pool: WorkerPool, memory: Int?) throws {
    self.epochs = epochs
    let digits: Dataset<Float> = Digits.all()
    queries = digits[Array(1000..<1050)]
    run = try TrainingRun<Float>(
      MLP(widths: [64, 32, 10], activation: .tanh), train: .init(digits[Array(0..<1000)]),
      learningRate: 0.1, batchSize: 50, epochs: epochs)
    // One thread trains these small batches fastest.
    trainer = run.makeTrainer()
    initial = trainer.state
    var ledgers: [LedgerColumn: Ledger<Float>] = [:]
    for column in [LedgerColumn.credit, .marginal] {
      ledgers[column] = try Ledger(
        LedgerProblem(
          run: run, queries: queries, measure: QueryMeasure(.loss, loss: .crossEntropy)),
        options: LedgerOptions(columns: [column], memory: memory.map { $0 << 20 }), pool: pool)
    }
    self.ledgers = ledgers
    retraining = try BulkRetraining(run, pool: pool)
    guard case .removed(let lists) = ItemSubsets.removing(0.5, of: 1000, count: 100, seed: 0)
    else { preconditionFailure("removals are lists of removed items") }
    variants = lists.map { .removal(Removal($0)) }
  }

  /// Times every part once.
  func round(counts: Bool) throws {
    for part in Part.allCases {
      let seconds = try ContinuousClock().measure { try time(part) } / .seconds(1)
      if counts { best[part] = min(best[part] ?? .infinity, seconds) }
    }
  }

  private func time(_ part: Part) throws {
    switch part {
    case .training:
      trainer.state = initial
      try trainer.run(run.batches, run.learningRates)
    case .credit: _ = try ledgers[.credit]?.accounts()
    case .marginal: _ = try ledgers[.marginal]?.accounts()
    case .retrainings: _ = try retraining.parameters(of: variants)
    }
  }

  /// Each part's time, its multiple of the training's, and its share of a hundred steps.
  var line: String {
    let (training, steps) = (best[.training] ?? .nan, Double(run.batches.count))
    let parts = Part.allCases.map { part in
      let seconds = best[part] ?? .nan
      return part.rawValue
        + String(
          format: " %.1f (%.1f, %.2f)", 1e3 * seconds, seconds / training, 1e5 * seconds / steps)
    }
    return "\(epochs) epochs, \(run.batches.count) steps: " + parts.joined(separator: "; ")
  }
}
