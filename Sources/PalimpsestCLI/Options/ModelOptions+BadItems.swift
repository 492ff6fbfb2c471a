import Palimpsest

extension ModelOptions.Source {
  /// The same without the training items whose gradient is no number, which are named; the others
  /// keep their names, or their numbers as names.
  ///
  /// - Throws: ``UsageError`` where none is left.
  func withoutBadItems() throws -> ModelOptions.Source<Scalar> {
    let bad = GradientFault<Scalar>(model, loss: loss)
      .items(of: items, at: checkpoints.map(\.parameters))
    guard !bad.isEmpty else { return self }
    let isBad = Set(bad)
    let kept = (0..<items.count).filter { !isBad.contains($0) }
    guard !kept.isEmpty else {
      throw UsageError("--skip-bad-items: no training item has a gradient of finite numbers")
    }
    let shown = bad.prefix(20).map { Scoring.id($0, items, "train") }.joined(separator: ", ")
    Output.warn(
      "\(bad.count) training items are left out, whose gradient is NaN or infinite: \(shown)"
        + (bad.count > 20 ? " and \(bad.count - 20) more" : "")
        + ". Scores have a column for each of the \(kept.count) others, in their order, and the item in "
        + "JSON and CSV is the number of the column")
    var source = self
    let names = kept.map { Scoring.id($0, items, "train") }
    let rest = items[kept]
    source.items = Dataset(
      inputs: rest.inputs, targets: rest.targets, ids: names, groups: rest.groups)
    source.checkpoints = checkpoints.map { checkpoint in
      guard case .perItem(let weights) = checkpoint.weight else { return checkpoint }
      return WeightedCheckpoint(
        parameters: checkpoint.parameters, weight: .perItem(kept.map { weights[$0] }))
    }
    return source
  }
}

extension Scoring {
  /// Says of an item whose gradient is no number where it stops being one.
  static func locatingFaults<Scalar: TensorScalar, Result>(
    _ source: ModelOptions.Source<Scalar>, _ queries: Dataset<Scalar>, _ body: () throws -> Result
  ) throws -> Result {
    do {
      return try body()
    } catch let error as ScoreError {
      guard case .notFinite(let what, let item, nil) = error else { throw error }
      let data = what == "query" ? queries : source.items
      guard (0..<data.count).contains(item) else { throw error }
      let fault = GradientFault<Scalar>(source.model, loss: source.loss)
      let place = fault.place(of: item, in: data, at: source.checkpoints.map(\.parameters))
      throw ScoreError.notFinite(what: what, item: item, place: place)
    }
  }
}
