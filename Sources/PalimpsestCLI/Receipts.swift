import Palimpsest

/// Trains again without some items and sets what comes out beside what the accounts predict.
struct Receipts<Scalar: TensorScalar> {
  let run: TrainingRun<Scalar>
  let measure: Measure
  let queries: QueryOptions.Queries<Scalar>
  let accounts: [OutputAccount]

  /// A receipt for each removal and each query that it is for, in this order.
  ///
  /// - Throws: `TrainingError` where a removal does not fit or a retraining diverges.
  func receipts(
    _ removals: [RemovalOptions.Named], pool: WorkerPool
  ) throws -> [ScoreReport.Receipt] {
    let retraining = try BulkRetraining(run, pool: pool)
    let bar = ProgressBar("retrain", of: removals.count, "runs")
    defer { bar.finish() }
    bar.show(0)
    let results = try retraining.results(
      of: removals.map { .removal($0.removal) },
      progress: {
        try Signals.check("nothing was written; repeat the command")
        bar.show($0)
      }
    ) { _, parameters in
      run.model.values(of: measure, loss: run.loss, on: queries.data, at: parameters)
    }
    return try zip(removals, results).enumerated().flatMap { number, pair in
      let (named, result) = pair
      let values: [Scalar]
      switch result {
      case .success(let found): values = found
      case .failure(let failure): throw failure.cause
      }
      return accounts.indices.filter { named.query == nil || named.query == $0 }.map { query in
        receipt(number, named, query, after: Double(values[query]))
      }
    }
  }

  private func receipt(
    _ number: Int, _ named: RemovalOptions.Named, _ query: Int, after: Double
  ) -> ScoreReport.Receipt {
    let account = accounts[query]
    return ScoreReport.Receipt(
      query: queries.items[query].id, removed: named.name,
      predictions: LedgerColumn.allCases.compactMap { column in
        account.columns[column].map { rows in
          .init(column.rawValue, rows.refusal == nil ? rows.predictions[number] : nil)
        }
      },
      actual: after - account.measureFinal, unit: measure.unit(run.loss))
  }
}
