import ArgumentParser
import Palimpsest

extension ScoreCommand {
  /// Scores by a column of the ledger instead of an estimator.
  func run<Scalar: TensorScalar>(
    _ column: LedgerColumn, _ origin: ModelOptions.Origin, as type: Scalar.Type
  ) throws {
    guard case .record(let record) = origin else {
      throw UsageError("--method \(method): needs a run, whose steps it goes through")
    }
    try refuse([
      ("--aggregate", aggregate), ("--top-only", topOnly), ("--skip-bad-items", skipBadItems),
    ])
    try query.check(record.manifest.loss)
    let (loss, measure) = (record.manifest.loss, query.measure)
    let run: TrainingRun<Scalar> = try record.run()
    let train = run.train.items
    let queries = try query.read(
      record.model, loss: loss, train: train, test: run.test?.items, record: record,
      hasPictures: reports.hasPictures)
    let subjects = try shown.subjects(in: train)
    let problem = try LedgerProblem(
      record: record, run: run, queries: queries.data,
      measure: QueryMeasure(measure, loss: loss))
    let pool = try compute.makePool()
    let columns = ColumnOptions([column])
    if dryRun {
      let bytes = queries.data.count * train.count * MemoryLayout<Scalar>.stride
      return try WorkEstimate(
        problem, options: columns, compute, pool: pool, outputBytes: scores == nil ? 0 : bytes
      ).print(json: json)
    }
    let files = try reports.open()
    let writer = try scores.map {
      try OutputPlace.requireNoInput($0)
      return try ScoreMatrixWriter<Scalar>(
        path: $0, queries: queries.data.count, items: train.count)
    }
    let (accounts, departure) = try columns.accounts(
      problem, columns: [column], compute, pool: pool)
    if departure > 0 { Output.warn(Replays.note(departure)) }
    try writer?.write(column, of: accounts)
    try writer?.finish()
    let hasPictures = reports.hasPictures
    let report = ScoreReport(
      title: Scoring.title(items: train.count, outputs: accounts.count),
      method: .init(name: method, summary: column.summary, unit: measure.unit(loss)),
      measure: measure, loss: loss, model: record.model.specification, itemCount: train.count,
      sections: zip(queries.items, accounts).map { item, account in
        guard let summary = account.summary(of: column, top: top) else {
          return .query(
            .init(
              query: item, measured: account.measureFinal,
              refusal: account.columns[column]?.refusal ?? "no rows"))
        }
        var scores = ScoreReport.QueryScores(
          query: item, measured: summary.measured, cocktail: summary.cocktail, top: summary.top
        ) { Scoring.item($0, train, "train", hasPictures: hasPictures) }
        scores.shown = ShownRows(subjects, items: train, queries: 0)
          .standings(account.columns[column]?.items ?? [])
        return .query(scores)
      }, notes: columns.notes(record, columns: [column], departure),
      provenance: Scoring.provenance(record))
    try files.write(report, json: json, hasHeader: true)
    try columns.checkRefusals(queries.items, accounts)
    try columns.checkBalance(
      queries.items, accounts, isSingle: record.manifest.precision == .float32)
  }
}
