public import TensorCore
public import Training

/// Traces outputs of a text model to the passages that it was trained on.
///
/// The passages are those that were learnt: documents that were held out are neither matched nor
/// credited.
///
/// - Complexity: An account takes what ``Ledger`` says for one query; each span takes up to three
///   retrainings besides the controls.
public final class Tracer<Scalar: TensorScalar> {
  let run: TrainingRun<Scalar>
  let corpus: TextCorpus
  let options: TraceOptions
  let pool: WorkerPool
  /// The documents that were learnt, by their numbers in the index.
  let documents: [Int]
  let index: SuffixArray
  let surprise: SurpriseModel
  private let record: RunRecord
  private let final: [Scalar]
  private let relevance: BM25
  /// For each document of the corpus its passages that were learnt, ascending.
  let passages: [[Int]]

  /// A tracer of a recorded run of text.
  ///
  /// - Throws: `TrainingError` where the run is of no text, or its documents are too large for an
  ///   index; what reading the record throws.
  public init(_ record: RunRecord, options: TraceOptions = TraceOptions(), pool: WorkerPool) throws
  {
    precondition(options.ledger.columns.contains(.credit), "a trace without credit")
    self.record = record
    self.options = options
    self.pool = pool
    run = try record.run()
    guard let corpus = run.text else { throw record.noText }
    self.corpus = corpus
    final = try record.parameters(at: record.steps)
    documents = corpus.documents.indices.filter { !corpus.documents[$0].isHeldOut }
    guard let index = SuffixArray(documents: documents.map { corpus.documents[$0].bytes }) else {
      throw TrainingError.data(
        "the documents that were learnt have more than \(SuffixArray.mostBytes) bytes, which is the "
          + "most that are searched for matches")
    }
    self.index = index
    surprise = SurpriseModel(index)
    relevance = BM25(passages: (0..<corpus.trainCount).map { Array(corpus.bytes(of: $0)) })
    var passages = [[Int]](repeating: [], count: corpus.documents.count)
    for (number, passage) in corpus.trainPassages.enumerated() {
      passages[passage.document].append(number)
    }
    self.passages = passages
    for document in options.withoutDocuments where passages[document].isEmpty {
      throw TrainingError.setting(
        name: "document to leave out", found: corpus.documents[document].path,
        expected: "one that was learnt")
    }
  }

  /// T, the positions of the model.
  public var context: Int { run.model.inputShape.count }

  /// The trained model's continuation of a prompt.
  ///
  /// - Throws: `TrainingError` where a setting makes no sense; what `each` throws.
  public func generate(
    after prompt: [Int32], length: Int, _ sampling: Sampling,
    each: (GeneratedToken) throws -> Void = { _ in }
  ) throws -> TracedOutput {
    let generator = try TextGenerator(run.model, parameters: final, pool: pool)
    let output = try generator.generate(after: prompt, length: length, sampling, each: each)
    return try TracedOutput(prompt: prompt, output: output.map(\.token), corpus.vocabulary)
  }

  // MARK: Plan

  /// What is to be done for an output, known before anything is trained.
  public struct Plan: Sendable {
    let output: TracedOutput
    let matches: [VerbatimMatch]
    let spans: [Range<Int>]
    /// Tokens with an account of their own, in their order, and the span that each is in.
    let units: [(measured: Range<Int>, window: Range<Int>)]
  }

  /// Finds the matches and the spans of an output.
  public func plan(_ output: TracedOutput) -> Plan {
    let first = output.outputBytes.lowerBound
    let matches = index.longestMatches(
      in: Array(output.bytes[output.outputBytes]), shortest: options.shortestMatch, model: surprise
    ).map { match in
      VerbatimMatch(
        bytes: match.bytes.lowerBound + first..<match.bytes.upperBound + first,
        places: match.places.map { TextPlace(document: documents[$0.document], bytes: $0.bytes) },
        surprise: match.surprise)
    }
    let spans =
      options.unit == .output
      ? TracedOutput.parts(of: output.predicted, context: context)
      : output.spans(
        matches, shortest: options.shortestMatch, context: context,
        leastBits: options.thresholds.leastBits
      ) { surprise.surprise(of: Array(output.bytes[$0])).bits }
    let units = spans.flatMap { span in
      options.unit == .token ? span.map { ($0..<$0 + 1, span) } : [(span, span)]
    }
    return Plan(output: output, matches: matches, spans: spans, units: units)
  }

  /// The accounts that outputs ask for, one for each unit.
  ///
  /// - Parameter strangers: Passages that were held out, to compare credit with; nil for none.
  /// - Throws: As ``LedgerProblem/init(record:queries:measure:strangers:)``.
  public func ledger(
    for plans: [Plan], strangers: Dataset<Scalar>? = nil
  ) throws -> LedgerProblem<Scalar> {
    let empty = Dataset<Scalar>(sequences: [], context: context)
    let queries = plans.reduce(empty) {
      $0.appending($1.output.queries($1.units, context: context))
    }
    return try LedgerProblem(
      record: record, run: run, queries: queries, measure: Self.measure, strangers: strangers)
  }

  /// The most retrainings that outputs may take.
  public func mostRetrainings(for plans: [Plan]) -> Int {
    let removals = 3 + options.withoutDocuments.count
    let spans = plans.reduce(0) { $0 + $1.spans.count }
    return options.retrains ? spans * (removals + 2 * options.controls) : 0
  }

  /// log p of a query's labelled tokens together.
  private static var measure: QueryMeasure {
    QueryMeasure(
      name: "log-probability of all tokens", needsLabels: true,
      identity: "log-probability, cross-entropy-sum"
    ) {
      graph, outputs, targets in
      Measure.logProbability.perItem(
        &graph, outputs: outputs, targets: targets, loss: .crossEntropySum)
    }
  }

  // MARK: Trace

  /// Traces outputs, all of them together: what several ask for is computed once.
  ///
  /// - Parameters:
  ///   - plans: What ``plan(_:)`` found.
  ///   - strangers: Passages that were held out, to compare credit with; nil for none.
  ///   - report: Called now and then with the units of work done and the number expected; what it
  ///     throws ends the work.
  /// - Throws: ``LedgerError``, `TrainingError`, `FormatError`.
  public func trace(
    _ plans: [Plan], strangers: Dataset<Scalar>? = nil,
    progress report: (TracePhase, Int, Int) throws -> Void = { _, _, _ in }
  ) throws -> [Trace] {
    let ledger = try Ledger(
      self.ledger(for: plans, strangers: strangers), options: options.ledger, pool: pool)
    var accounts = try ledger.savedAccounts { try report(.accounts, $0, $1) }[...]
    // What is trained again comes out of our own steps, and so does what it is compared with.
    let baseline =
      ledger.largestDeparture > 0 && mostRetrainings(for: plans) > 0
      ? try replayedEnd { try report(.retrainings, 0, 1) } : final
    let parts = plans.map { plan in
      let own = Array(accounts.prefix(plan.units.count))
      accounts = accounts.dropFirst(own.count)
      let probabilities = TokenProbabilities<Scalar>(
        run.model, plan.output.queries(plan.spans.map { ($0, $0) }, context: context))
      let drafts = plan.spans.map { span in
        draft(span, plan, accounts: zip(plan.units, own).filter { $0.0.window == span }.map(\.1))
      }
      return (
        accounts: own, drafts: drafts, probabilities: probabilities,
        before: probabilities.values(at: baseline)
      )
    }
    let removals = try counterfactuals(
      parts.map { ($0.drafts.map(\.source), $0.probabilities, $0.before.sums) }, ledger.store
    ) { try report(.retrainings, $0, $1) }
    ledger.store?.removeAll()
    return plans.indices.map { number in
      let (plan, part) = (plans[number], parts[number])
      let spans = part.drafts.indices.map { span in
        finished(
          part.drafts[span], part.before.sums[span], removals.outcomes[number][span])
      }
      return Trace(
        output: plan.output, logProbabilities: part.before.flatMap { $0 }, matches: plan.matches,
        units: plan.units.map(\.measured), accounts: part.accounts, spans: spans,
        thresholds: options.thresholds, shortestMatch: options.shortestMatch,
        retrainings: removals.count, departure: ledger.largestDeparture)
    }
  }

  /// The parameters that the run's steps lead to here, from its start.
  private func replayedEnd(_ afterStep: () throws -> Void) throws -> [Scalar] {
    let trainer = run.makeTrainer(pool: pool)
    try trainer.run(run.batches, run.learningRates) { _ in try afterStep() }
    return trainer.parameters
  }

  /// A span before anything is trained again.
  struct Draft {
    let tokens: Range<Int>
    let bytes: Range<Int>
    let account: OutputAccount
    let relevance: [Double]
    let match: VerbatimMatch?
    let copiedShare: Double
    let source: TraceSource
  }

  private func draft(_ span: Range<Int>, _ plan: Plan, accounts: [OutputAccount]) -> Draft {
    let bytes = plan.output.bytes(of: span)
    let account = OutputAccount(summing: accounts)
    let surprising = plan.matches.filter { $0.surprise.bits >= options.thresholds.leastBits }
    let covered = bytes.count { byte in surprising.contains { $0.bytes.contains(byte) } }
    let match = surprising.max {
      $0.bytes.clamped(to: bytes).count < $1.bytes.clamped(to: bytes).count
    }.flatMap { clipped($0, to: bytes, plan.output) }
    return Draft(
      tokens: span, bytes: bytes, account: account,
      relevance: relevance.scores(for: Array(plan.output.bytes[bytes])), match: match,
      copiedShare: Double(covered) / Double(bytes.count),
      source: source(of: match, credit: account.columns[.credit]?.items ?? []))
  }

  /// The part of a match within some bytes, with all places of that part; nil where too little is left.
  private func clipped(
    _ match: VerbatimMatch, to bytes: Range<Int>, _ output: TracedOutput
  ) -> VerbatimMatch? {
    let part = match.bytes.clamped(to: bytes)
    if part == match.bytes { return match }
    let string = Array(output.bytes[part])
    let surprise = surprise.surprise(of: string)
    guard part.count >= options.shortestMatch, surprise.bits >= options.thresholds.leastBits else {
      return nil
    }
    let places = index.places(of: string).map {
      TextPlace(document: documents[$0.document], bytes: $0.bytes)
    }
    return VerbatimMatch(bytes: part, places: places, surprise: surprise)
  }

  private func finished(
    _ draft: Draft, _ logProbability: Double, _ outcomes: [Counterfactual]
  ) -> TraceSpan {
    let credit = draft.account.columns[.credit]?.items ?? []
    func outcome(_ kind: Counterfactual.Kind) -> Counterfactual? {
      outcomes.first { $0.kind == kind }
    }
    var verdict: Verdict?
    if let copies = outcome(.copies), let document = outcome(.document) {
      verdict = options.thresholds.verdict(
        isCopied: draft.copiedShare >= options.thresholds.leastCopiedShare && draft.match != nil,
        credit: draft.source.copies.reduce(0) { $0 + credit[$1] }, copies: copies,
        document: document)
    }
    return TraceSpan(
      tokens: draft.tokens, bytes: draft.bytes, logProbability: logProbability,
      account: draft.account, relevance: draft.relevance, match: draft.match,
      copiedShare: draft.copiedShare, source: draft.source, counterfactuals: outcomes,
      verdict: verdict)
  }
}

extension [[Double]] {
  /// The sum of each row.
  var sums: [Double] { map { $0.reduce(0, +) } }
}

extension OutputAccount {
  /// The account of several measures of one model together: all rows add up.
  ///
  /// Significance does not, so it is kept only where there is a single account.
  init(summing accounts: [OutputAccount]) {
    if accounts.count == 1 {
      self = accounts[0]
      return
    }
    self.init(
      measureInitial: accounts.reduce(0) { $0 + $1.measureInitial },
      measureFinal: accounts.reduce(0) { $0 + $1.measureFinal },
      isLowerBetter: accounts.first?.isLowerBetter ?? false)
    for column in LedgerColumn.allCases {
      let parts = accounts.compactMap { $0.columns[column] }
      guard let first = parts.first, parts.count == accounts.count else { continue }
      func sum(_ rows: (LedgerAccount) -> [Double]) -> [Double] {
        rows(first).indices.map { item in parts.reduce(0) { $0 + rows($1)[item] } }
      }
      columns[column] = LedgerAccount(
        items: sum(\.items), decay: parts.reduce(0) { $0 + $1.decay },
        clipping: parts.reduce(0) { $0 + $1.clipping },
        residual: parts.reduce(0) { $0 + $1.residual },
        phases: first.phases.indices.map { phase in sum { $0.phases[phase] } },
        refusal: parts.lazy.compactMap(\.refusal).first)
    }
  }
}
