import TensorCore
import Training

/// Makes the runs of a family, one by one.
struct DilutionExperiment<Scalar: TensorScalar>: Sendable {
  let setting: DilutionSetting
  let items: DilutionItems<Scalar>

  /// - Throws: `TrainingError` where the data have no classes.
  init(_ setting: DilutionSetting, _ data: Dataset<Scalar>) throws(TrainingError) {
    self.setting = setting
    items = try DilutionItems(data)
  }

  /// The network of a run: one hidden layer.
  func model(_ point: DilutionPoint) -> MLP {
    MLP(
      widths: [items.data.inputs.count / items.data.count, point.width, items.classes],
      activation: .tanh)
  }

  /// Trains, draws up the accounts of the watched items' own outputs, and trains again without each
  /// of them: once without one copy, once without any.
  ///
  /// - Parameter memory: Bytes to stay within; nil for what a ledger takes by itself.
  /// - Throws: `TrainingError` where a training diverges, what `check` throws.
  func outcomes(
    of cell: DilutionCell, memory: Int?, check: () throws -> Void
  ) throws -> [WatchedOutcome] {
    let (training, watched) = items.training(cell, watched: setting.watched)
    let run = try TrainingRun(
      model(cell.point), train: .init(training), learningRate: setting.learningRate,
      batchSize: setting.batchSize, epochs: cell.point.epochs, seed: cell.seed)
    let queries = training[watched.map(\.copies.lowerBound)]
    let removals = removals(watched)
    // The run as it is comes first: a removal of nothing.
    let retraining = try BulkRetraining(run)
    let results = try retraining.results(
      of: ([Removal([])] + removals.map(\.removal)).map { .removal($0) },
      progress: { _ in try check() }
    ) { _, parameters in
      run.model.values(of: .logProbability, loss: run.loss, on: queries, at: parameters)
        .map { Double($0) }
    }
    let measured = try results.map { try $0.mapError(\.cause).get() }
    guard measured.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw TrainingError.diverged(
        step: run.batches.count, what: "the log-probability of a watched item",
        learningRate: setting.learningRate)
    }
    let accounts = try Ledger(
      LedgerProblem(
        run: run, queries: queries, measure: QueryMeasure(.logProbability, loss: run.loss)),
      options: LedgerOptions(
        columns: [.credit, .marginal], memory: memory, removals: removals.map(\.removal)),
      pool: WorkerPool(threads: 1)
    ).accounts { _, _ in try check() }
    return watched.indices.map { number in
      var outcome = outcome(watched[number], accounts[number], measured[0][number])
      for (place, removal) in removals.enumerated() where removal.watched == number {
        let effect = measured[0][number] - measured[place + 1][number]
        // A prediction is of the change that removal makes.
        let marginal = accounts[number].columns[.marginal].flatMap {
          $0.refusal == nil ? -$0.predictions[place] : nil
        }
        if removal.isOne { (outcome.effectOfOne, outcome.predictedOfOne) = (effect, marginal) }
        if removal.isAll { (outcome.effectOfAll, outcome.predictedOfAll) = (effect, marginal) }
      }
      return outcome
    }
  }

  /// What is left out of a run, and of which watched item it is a part.
  private typealias Part = (removal: Removal, watched: Int, isOne: Bool, isAll: Bool)

  private func removals(_ watched: [DilutionItems<Scalar>.Watched]) -> [Part] {
    watched.enumerated().flatMap { number, item -> [Part] in
      let all = Array(item.copies)
      if all.count == 1 { return [(Removal(all), number, true, true)] }
      return [
        (Removal([all[0]]), number, true, false), (Removal(all), number, false, true),
      ]
    }
  }

  private func outcome(
    _ item: DilutionItems<Scalar>.Watched, _ account: OutputAccount, _ logProbability: Double
  ) -> WatchedOutcome {
    let credit = account.columns[.credit] ?? LedgerAccount(items: [], residual: 0)
    let cocktail = Cocktail(credit.items)
    let standings = item.copies.map { credit.standing(of: $0) }
    let share = standings.reduce(0) { $0 + $1.share }
    return WatchedOutcome(
      source: item.source, label: Int(item.label), logProbability: logProbability,
      share: share / Double(standings.count), shareOfAll: share,
      contributors: cocktail.effectiveContributors, rank: standings.map(\.rank).min() ?? 0,
      effectOfOne: 0, effectOfAll: 0, predictedOfOne: nil, predictedOfAll: nil,
      residual: min(credit.relativeResidual, .greatestFiniteMagnitude))
  }

  /// The floating-point operations of a run, about: six for each parameter and visit of an item in a
  /// training, and as many as two trainings for each watched item's account.
  func operations(_ cell: DilutionCell) -> Double {
    let trainings = 1 + setting.removals(cell) + 2 * setting.watched
    return 6 * Double(trainings) * Double(cell.point.items * cell.point.epochs)
      * Double(model(cell.point).layout.count)
  }
}
