import ArgumentParser
import Palimpsest

extension ScoreCommand {
  /// Scores passages by their texts instead of gradients.
  func run<Scalar: TensorScalar>(
    _ estimator: any TextEstimator.Type, _ origin: ModelOptions.Origin, as type: Scalar.Type
  ) throws {
    guard case .record(let record) = origin else {
      throw UsageError("--method \(method): needs a run of palimpsest train --text")
    }
    try refuse([
      ("--aggregate", aggregate), ("--top-only", topOnly), ("--dry-run", dryRun),
      ("--skip-bad-items", skipBadItems),
    ])
    let (loss, measure) = (record.manifest.loss, query.measure)
    try query.check(loss)
    let corpus = try record.requireText()
    let train: Dataset<Scalar> = corpus.train()
    let queries = try query.read(
      record.model, loss: loss, train: train, record: record, hasPictures: false)
    let subjects = try shown.subjects(in: train)
    let files = try reports.open()
    let writer = try scores.map {
      try OutputPlace.requireNoInput($0)
      return try ScoreMatrixWriter<Scalar>(
        path: $0, queries: queries.data.count, items: train.count)
    }
    let rows = estimator.scores(
      of: (0..<train.count).map { Array(corpus.bytes(of: $0)) }, for: corpus.texts(of: queries.data)
    )
    // The method knows nothing of the model, but a reader wants to know what it says of the query.
    let parameters: [Scalar] = try record.parameters(at: record.steps)
    let measured = record.model.values(
      of: measure, loss: loss, on: queries.data, at: parameters
    ).map { Double($0) }
    for (query, row) in rows.enumerated() {
      try writer?.write(
        Tensor([1, row.count], row.map { Scalar($0) }), rows: query..<query + 1,
        columns: 0..<row.count)
    }
    try writer?.finish()
    let report = ScoreReport(
      title: Scoring.title(items: train.count, outputs: rows.count),
      method: .init(
        estimator, measure: measure, loss: loss, weights: record.checkpointWeights),
      measure: measure, loss: loss, model: record.model.specification, itemCount: train.count,
      sections: zip(queries.items, zip(rows, measured)).map { item, scored in
        let summary = QuerySummary(scores: scored.0, measured: scored.1, top: top)
        var scores = ScoreReport.QueryScores(
          query: item, measured: summary.measured, cocktail: summary.cocktail, top: summary.top,
          zeroReason: summary.cocktail.gross > 0 ? nil : "no passage shares a word with it"
        ) { Scoring.item($0, train, "train") }
        scores.shown = ShownRows(subjects, items: train, queries: 0).standings(scored.0)
        return .query(scores)
      },
      provenance: Scoring.provenance(record))
    try files.write(report, json: json, hasHeader: true)
  }
}
