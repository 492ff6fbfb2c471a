import Palimpsest

/// What commands say of how a recorded run comes out when its steps are taken again.
enum Replays {
  /// Takes all steps again.
  ///
  /// - Returns: The largest departure, which rounding explains; nil where every bit comes out.
  /// - Throws: ``LedgerError/departed(file:_:)`` where rounding does not explain one.
  static func departure<Scalar: TensorScalar>(
    _ record: RunRecord, _ run: TrainingRun<Scalar>, pool: WorkerPool
  ) throws -> ReplayDeparture? {
    let departure = try any(record, run, pool: pool)
    if let departure, !departure.isRounding {
      throw LedgerError.departed(file: record.checkpointPath(departure.step), departure)
    }
    return departure
  }

  /// Takes all steps again, whatever comes out.
  static func any<Scalar: TensorScalar>(
    _ record: RunRecord, _ run: TrainingRun<Scalar>, pool: WorkerPool
  ) throws -> ReplayDeparture? {
    let bar = ProgressBar("replay", of: record.steps, "steps")
    defer { bar.finish() }
    return try record.replay(run, pool: pool) {
      try Signals.check("nothing was written; repeat the command")
      bar.show($0.step)
    }
  }

  /// By how much a run that is gone through again missed its checkpoints.
  static func note(_ share: Double) -> String {
    "The replay did not meet the recorded checkpoints bit for bit: it missed them by up to "
      + "\(HumanNumber.significant(share, digits: 2)) of the way between two, which rounding explains; "
      + "each part of the account starts at the recorded checkpoint."
  }

  /// By how much a run departs whose steps are taken again for retrainings.
  static func note(_ departure: ReplayDeparture) -> String {
    "From checkpoint to checkpoint the replay misses the record by up to "
      + "\(HumanNumber.significant(departure.share, digits: 2)) of the way, which rounding explains "
      + "(other rounding of the same steps makes "
      + "\(HumanNumber.significant(departure.rounding, digits: 2)))."
  }

  /// What a reader of changes by retraining must know of a run that does not come out bit for bit; none
  /// where it does.
  static func notes<Scalar: TensorScalar>(
    _ departure: ReplayDeparture?, _ record: RunRecord, _ run: TrainingRun<Scalar>,
    _ measure: Measure, _ queries: QueryOptions.Queries<Scalar>, pool: WorkerPool
  ) throws -> [String] {
    guard let departure else { return [] }
    var note =
      Self.note(departure)
      + " Retrainings are compared with our own replay from the start, not with the record"
    guard !queries.items.isEmpty else { return [note + "."] }
    let trainer = run.makeTrainer(pool: pool)
    try trainer.run(run.batches, run.learningRates) { _ in
      try Signals.check("nothing was written; repeat the command")
    }
    func values(_ parameters: [Scalar]) -> [Double] {
      run.model.values(of: measure, loss: run.loss, on: queries.data, at: parameters).map {
        Double($0)
      }
    }
    let own = values(trainer.parameters)
    let recorded = values(try record.parameters(at: record.steps))
    let differences = zip(own, recorded).map { abs($0 - $1) }
    guard let largest = differences.max(), let query = differences.firstIndex(of: largest) else {
      return [note + "."]
    }
    guard largest > 0 else {
      return [note + ", whose end gives the same numbers for these queries."]
    }
    note +=
      ", whose end differs: by up to \(HumanNumber.significant(largest, digits: 2)), for "
      + "\(queries.items[query].id) (\(HumanNumber.significant(recorded[query])) in the record, "
      + "\(HumanNumber.significant(own[query])) in the replay)."
    return [note]
  }
}
