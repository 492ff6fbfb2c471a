public import ArgumentParser
import Foundation
public import Palimpsest

/// `palimpsest trace`: the passages behind an output of a text model.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Trace a text to the passages behind it, and say whether it is a copy.",
    discussion: """
      The output is --text, or what the model writes after --prompt; with both, --text is judged as \
      what follows the prompt. It is cut into spans: what stands verbatim in the documents, and what \
      lies between. Each has its account over all passages, its verbatim matches, and what happens \
      to its probability when the model is trained again without the passage, without all copies, \
      and without the document. A text may be longer than the model's context: each span is \
      predicted from as much before it as fits.

      VERDICTS:
        copied and caused: it stands in a document verbatim, and without that document the model \
      would hardly write it;
        copied but available elsewhere: it stands there verbatim, but the model writes it without \
      that document too;
        caused but not copied: not copied, but without a passage and those like it the model \
      would hardly write it;
        neither.

      EXAMPLES:
        palimpsest trace books --prompt "On the ninth day" --length 80 --out trace.html
        palimpsest trace books --text "The lighthouse keeper counted his spoons." --json
      """)

  @Argument(
    help: ArgumentHelp("Folder of a run that was trained with --text.", valueName: "run"))
  var folder: String

  @Option(
    help: ArgumentHelp("The output to trace; - reads standard input.", valueName: "text"))
  var text: String?

  @Option(
    help: ArgumentHelp("What stands before the output; - reads standard input.", valueName: "text"))
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "Tokens to generate after the prompt. (default: 64, or what is left of the context)",
      valueName: "n"))
  var length: Int?

  @OptionGroup var sampling: SamplingOptions

  @Option(help: "What has an account of its own; each takes as long as a query of a ledger.")
  var per = TraceUnit.span

  @Option(
    help: ArgumentHelp(
      "Columns of the accounts: credit, and marginal or integrated.", valueName: "names"),
    transform: Self.columns)
  var columns: Set<LedgerColumn> = [.credit, .marginal]

  @Option(help: ArgumentHelp("Fewest bytes of a verbatim match.", valueName: "bytes"))
  var minMatch = TraceOptions().shortestMatch

  @Option(
    help: ArgumentHelp(
      "Least surprise of a match that counts as copied: -log2 of its probability in the language "
        + "of the documents.", valueName: "bits"))
  var minBits = VerdictThresholds().leastBits

  @Option(
    help: ArgumentHelp(
      "Least fall of a span's log p that counts as caused; and twice as far as without as many "
        + "passages drawn by chance.", valueName: "nats"))
  var minDrop = VerdictThresholds().leastDrop

  @Option(
    help: ArgumentHelp(
      "Retrainings without passages drawn by chance, for each number of passages left out.",
      valueName: "n"))
  var controls = TraceOptions().controls

  @Option(
    help: ArgumentHelp(
      "A document to leave out besides, by its path in the folder of texts; repeatable.",
      valueName: "path"))
  var withoutDocument: [String] = []

  @Flag(help: "Train nothing again: accounts and matches only, and no verdict.")
  var skipRetraining = false

  @Option(
    help: ArgumentHelp(
      "Held-out passages taken as strangers, for the significance of credit; 0 for none.",
      valueName: "n"))
  var twins = 0

  @Option(help: ArgumentHelp("Passages and documents to show for each span.", valueName: "k"))
  var top = 5

  @OptionGroup var reports: ReportOptions

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print JSON lines: the output, then each span.")
  var json = false

  private static func columns(_ text: String) throws -> Set<LedgerColumn> {
    let known = LedgerColumn.allCases.map(\.rawValue)
    let columns = Set(
      try NameList(text, known: known).names.compactMap { LedgerColumn(rawValue: $0) })
    guard columns.contains(.credit) else {
      throw ValidationError("expected credit among them: it says which passage to leave out")
    }
    return columns
  }

  func validate() throws {
    for (name, value, least) in [
      ("--min-match", minMatch, 1), ("--controls", controls, 0), ("--twins", twins, 0),
      ("--top", top, 1), ("--length", length ?? 1, 1),
    ] where value < least {
      throw ValidationError("\(name): found \(value), expected \(least) or more")
    }
    for (name, value) in [("--min-bits", minBits), ("--min-drop", minDrop)]
    where !(value >= 0 && value.isFinite) {
      throw ValidationError("\(name): found \(value), expected a number from 0")
    }
    guard text != "-" || prompt != "-" else {
      throw ValidationError("--text - and --prompt - exclude each other: one reads standard input")
    }
    guard text != nil || prompt != nil else {
      throw ValidationError("which output? Expected --text, or --prompt to go on with")
    }
    guard text == nil || length == nil else {
      throw ValidationError(
        "--length is of an output that is generated; leave out --text or --length")
    }
    guard !skipRetraining || withoutDocument.isEmpty else {
      throw ValidationError("--without-document needs the retraining that --skip-retraining skips")
    }
  }

  mutating func run() throws {
    try reports.check(json: json)
    let record = try RunRecord.opened(folder)
    let corpus = try record.requireText()
    switch record.manifest.precision {
    case .float32: try run(record, corpus, as: Float.self)
    case .float64: try run(record, corpus, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(
    _ record: RunRecord, _ corpus: TextCorpus, as type: Scalar.Type
  ) throws {
    // What a person typed is judged before anything long.
    let typed = try (
      prompt: tokens(prompt, "--prompt", corpus), text: tokens(text, "--text", corpus)
    )
    let options = try options(corpus, folder: record.folder)
    let pool = try compute.makePool()
    let tracer = try Tracer<Scalar>(record, options: options, pool: pool)
    let output: TracedOutput
    if let text = typed.text {
      output = try TracedOutput(prompt: typed.prompt ?? [], output: text, corpus.vocabulary)
    } else {
      output = try generate(tracer, after: typed.prompt ?? [])
    }
    let (plan, strangers) = (tracer.plan(output), try strangers(record, as: type))
    if dryRun {
      let ledger = try tracer.ledger(for: [plan], strangers: strangers)
      let most = tracer.mostRetrainings(for: [plan])
      return try estimate(ledger, retrainings: most, pool).print(json: json)
    }
    let files = try reports.open()
    guard let trace = try trace(tracer, plan, strangers) else { return }
    let report = report(record, corpus, trace)
    try files.write(report, json: json)
    try ColumnOptions(columns).checkBalance(
      trace.units.indices.map { ScoreReport.Item(id: "\(per.rawValue) \($0 + 1)") }, trace.accounts,
      isSingle: record.manifest.precision == .float32)
  }

  /// The tokens of a text on the command line; nil where it was not given.
  private func tokens(_ text: String?, _ option: String, _ corpus: TextCorpus) throws -> [Int32]? {
    guard let text = try text.map({ try TypedText.read($0, option: option) }) else { return nil }
    guard !text.isEmpty else { throw UsageError("\(option): found an empty text, expected some") }
    return try corpus.vocabulary.encode(Array(text.utf8), name: option).tokens
  }

  private func options(_ corpus: TextCorpus, folder: String) throws -> TraceOptions {
    var options = TraceOptions()
    options.unit = per
    options.shortestMatch = minMatch
    options.thresholds.leastBits = minBits
    options.thresholds.leastDrop = minDrop
    options.controls = controls
    options.retrains = !skipRetraining
    options.withoutDocuments = try withoutDocument.map { path in
      guard let number = corpus.documents.firstIndex(where: { $0.path == path }) else {
        let known = corpus.documents.filter { !$0.isHeldOut }.prefix(5).map(\.path)
        throw UsageError(
          "--without-document: found \(FormatError.quoted(path)), expected a document of the run, "
            + "such as \(known.joined(separator: ", "))")
      }
      guard !corpus.documents[number].isHeldOut else {
        throw UsageError(
          "--without-document: found \(FormatError.quoted(path)), which was held out; expected a "
            + "document that was learnt")
      }
      return number
    }
    options.ledger = LedgerOptions(
      columns: columns, memory: compute.ledgerMemory,
      resumeFolder: FileManager.default.isWritableFile(atPath: folder) ? "\(folder)/ledger" : nil)
    return options
  }

  private func generate<Scalar: TensorScalar>(
    _ tracer: Tracer<Scalar>, after prompt: [Int32]
  ) throws -> TracedOutput {
    let room = tracer.context + 1 - prompt.count
    let length = length ?? (room > 0 ? min(room, 64) : 64)
    let bar = ProgressBar("generate", of: length, "tokens")
    defer { bar.finish() }
    var done = 0
    return try tracer.generate(after: prompt, length: length, sampling.sampling) { _ in
      done += 1
      bar.show(done)
      try Signals.check()
    }
  }

  /// Held-out passages, spread evenly over all of them.
  private func strangers<Scalar: TensorScalar>(
    _ record: RunRecord, as type: Scalar.Type
  ) throws -> Dataset<Scalar>? {
    guard twins > 0 else { return nil }
    guard let test: Dataset<Scalar> = try record.test(), test.count > 0 else {
      throw UsageError("--twins: the run has no held-out passages to compare with")
    }
    let count = min(twins, test.count)
    return test[(0..<count).map { $0 * test.count / count }]
  }

  private func trace<Scalar: TensorScalar>(
    _ tracer: Tracer<Scalar>, _ plan: Tracer<Scalar>.Plan, _ strangers: Dataset<Scalar>?
  ) throws -> Trace? {
    let accounts = ProgressBar("ledger", of: 1, "passes")
    let retrainings = ProgressBar("retrain", of: 1, "runs")
    defer {
      accounts.finish()
      retrainings.finish()
    }
    return try tracer.trace([plan], strangers: strangers) { phase, done, total in
      try Signals.check("repeat the command; accounts go on where they stopped")
      switch phase {
      case .accounts: accounts.show(done, of: total)
      case .retrainings:
        accounts.finish()
        retrainings.show(done, of: total)
      }
    }.first
  }

  private func estimate<Scalar: TensorScalar>(
    _ ledger: LedgerProblem<Scalar>, retrainings: Int, _ pool: WorkerPool
  ) throws -> WorkEstimate {
    var estimate = try WorkEstimate(
      ledger, options: ColumnOptions(columns), compute, pool: pool, outputBytes: 0)
    if retrainings > 0 {
      let training = try WorkEstimate(ledger.run, pool: pool)
      estimate.operations += Double(retrainings) * training.operations
      estimate.seconds += Double(retrainings) * training.seconds / Double(pool.threads)
      estimate.peakBytes = max(estimate.peakBytes, training.peakBytes * pool.threads)
    }
    return estimate
  }

  private func report(_ record: RunRecord, _ corpus: TextCorpus, _ trace: Trace) -> ScoreReport {
    var provenance = Scoring.provenance(record)
    if let text = record.manifest.text {
      provenance.facts.append(.init("SHA-256 of the documents", text.text.sha256))
    }
    provenance.facts.append(.init("retrainings", HumanNumber.count(trace.retrainings)))
    var notes: [String] = []
    let optimizer = record.manifest.optimizer.name
    if optimizer.hasPrefix("adam") {
      notes.append(
        "Credit takes the scaling that \(optimizer) gives each parameter as it was: what a passage "
          + "did to the scaling of others is not in its row.")
    }
    if trace.departure > 0 {
      let baseline =
        trace.retrainings > 0
        ? " log p and what retrainings change are those of our own replay from the start." : ""
      let note = Replays.note(trace.departure) + baseline
      notes.append(note)
      Output.warn(note)
    }
    return ScoreReport(
      title: "The passages behind an output",
      method: .init(
        name: "trace", summary: "accounts, verbatim matches and retrainings without the sources",
        unit: Measure.logProbability.unit(record.manifest.loss)),
      measure: .logProbability, loss: record.manifest.loss, model: record.model.specification,
      itemCount: corpus.trainCount, sections: [.trace(.init(trace, of: corpus, count: top))],
      notes: notes, provenance: provenance)
  }
}

extension TraceUnit: ExpressibleByArgument {}
