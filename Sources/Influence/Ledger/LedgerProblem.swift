public import Training
public import TensorCore

/// Which accounts are asked for: the outputs of some queries along a training run.
public struct LedgerProblem<Scalar: TensorScalar>: Sendable {
  /// The run: its items, steps and initial parameters.
  public internal(set) var run: TrainingRun<Scalar>
  /// The queries, Q of them.
  public let queries: Dataset<Scalar>
  /// What is asked of the queries.
  public let measure: QueryMeasure
  /// States that a record has, to start from and to compare with; the initial one only where nil.
  public let record: RunRecord?
  /// Items that the run never saw, to compare its items with; nil for none.
  public internal(set) var strangers: Dataset<Scalar>?

  /// Accounts of a run that is replayed from its start.
  public init(
    run: TrainingRun<Scalar>, queries: Dataset<Scalar>, measure: QueryMeasure,
    strangers: Dataset<Scalar>? = nil
  ) {
    self.run = run
    self.queries = queries
    self.measure = measure
    self.strangers = strangers
    record = nil
  }

  /// Accounts of a recorded run.
  ///
  /// - Parameter run: What the record gives, where it was read already; it is read where nil.
  /// - Throws: As ``Training/RunRecord/run(as:)``.
  public init(
    record: RunRecord, run: TrainingRun<Scalar>? = nil, queries: Dataset<Scalar>,
    measure: QueryMeasure,
    strangers: Dataset<Scalar>? = nil
  ) throws {
    self.run = try run ?? record.run()
    self.queries = queries
    self.measure = measure
    self.strangers = strangers
    self.record = record
  }

  /// The same without items to compare with.
  var withoutStrangers: LedgerProblem {
    var problem = self
    problem.strangers = nil
    return problem
  }

  /// Bytes of the items, held-out ones and queries included; strangers once more in their own order.
  package var dataBytes: Int {
    let all = [run.train.items, run.test?.items, queries, strangers, strangers]
    return all.compactMap(\.self).reduce(0) { bytes, data in
      let targets =
        switch data.targets {
        case .labels(let labels): labels.count * MemoryLayout<Int32>.stride
        case .values(let values): values.count * MemoryLayout<Scalar>.stride
        }
      return bytes + data.inputs.count * MemoryLayout<Scalar>.stride + targets
    }
  }

  /// Checks that everything fits together before anything is computed.
  func validate() throws {
    try run.check()
    try queries.check(run.model, loss: run.loss, name: "queries")
    try strangers?.check(run.model, loss: run.loss, name: "items never trained on")
    guard !measure.needsLabels || run.loss.takesLabels else {
      throw ScoreError.mismatch("the measure \(measure.name) needs class labels")
    }
    if measure.needsLabels, let bad = queries.firstUnlabelled {
      throw ScoreError.mismatch(
        "query \(bad) has label -100, which stands for none; the measure \(measure.name) needs a "
          + "label")
    }
  }
}
