import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

/// A small model that has learnt five documents by heart, one sentence of which stands in three.
private final class LearntText: Sendable {
  static let alone = "Zora hid nine blue keys under the mill."
  static let shared = "Every gull owes the tide a grey feather."
  static let shared2 = "No bell rings twice for the quiet fox."

  let record: RunRecord
  let corpus: TextCorpus
  private let folder: String

  init() throws {
    let files = [
      ("a", Self.alone), ("b", Self.shared), ("c", Self.shared), ("d", Self.shared),
      ("e", Self.shared2), ("held", "Pale wax drips on the old map again."),
    ].map { TextFile(path: $0.0, bytes: Array($0.1.utf8)) }
    var settings = TextCorpus.Settings(context: 40)
    settings.heldOut = 0
    let vocabulary = try Vocabulary(.characters, of: files)
    corpus = try TextCorpus(Array(files.dropLast()), vocabulary, settings)
    let model = try ModelRegistry.textModel(
      "transformer:context=40,width=16,heads=2,layers=1", tokens: vocabulary.count)
    var run = try TrainingRun<Double>(
      model, train: .init(corpus.train()), optimizer: OptimizerSettings(AdamW.self),
      learningRate: 0.01, batchSize: 5, epochs: 80, checkpointEvery: 40, seed: 1)
    run.text = corpus
    folder = NSTemporaryDirectory() + "palimpsest-tracer-\(UUID().uuidString)"
    try run.record(in: folder)
    record = try RunRecord(folder: folder)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func tokens(_ text: String) throws -> [Int32] {
    try corpus.vocabulary.encode(Array(text.utf8), name: "text").tokens
  }

  func trace(_ texts: [String], _ options: TraceOptions) throws -> [Trace] {
    let tracer = try Tracer<Double>(record, options: options, pool: WorkerPool(threads: 2))
    return try tracer.trace(
      texts.map { try tracer.plan(TracedOutput(output: tokens($0), corpus.vocabulary)) })
  }
}

@Suite("tracing")
struct TracerTests {
  private let text: LearntText

  init() throws { text = try LearntText() }

  private var options: TraceOptions {
    var options = TraceOptions()
    options.ledger.columns = [.credit]
    options.thresholds.leastBits = 30
    return options
  }

  @Test(
    "a sentence that stands in one document is copied and caused, one in three is available elsewhere"
  )
  func planted() throws {
    let traces = try text.trace([LearntText.alone, LearntText.shared], options)
    let (alone, shared) = (traces[0].spans[0], traces[1].spans[0])
    #expect(traces.map(\.spans.count) == [1, 1])

    #expect(alone.verdict == .copiedAndCaused)
    #expect(alone.source.isMatched && alone.source.passage == 0 && alone.source.copies == [0])
    let credit = try #require(alone.account.columns[.credit])
    #expect(credit.items.indices.max { credit.items[$0] < credit.items[$1] } == 0)

    #expect(shared.verdict == .availableElsewhere)
    #expect(shared.source.copies == [1, 2, 3] && shared.source.documents == [1, 2, 3])
    #expect(shared.match?.places.map(\.document) == [1, 2, 3])
    let one = try #require(shared.counterfactual(.document)).change
    let all = try #require(shared.counterfactual(.copies)).change
    #expect(one > -3 && all < -20 && all < 10 * one, "one \(one), all \(all)")
  }

  @Test("a sentence that nobody wrote is no copy") func stranger() throws {
    let span = try text.trace(["Pale wax drips on the old map again."], options)[0].spans[0]
    #expect(span.match == nil && !span.source.isMatched)
    #expect(span.verdict == .neither || span.verdict == .causedNotCopied)
  }

  @Test("credit balances, and accounts of tokens sum to that of their span") func tokens() throws {
    var options = options
    options.retrains = false
    let whole = try text.trace([LearntText.alone], options)[0]
    options.unit = .token
    let parts = try text.trace([LearntText.alone], options)[0]
    #expect(whole.accounts.count == 1 && parts.accounts.count == whole.output.predicted.count)
    #expect(parts.units == whole.output.predicted.map { $0..<$0 + 1 })
    let (a, b) = (whole.spans[0].account, parts.spans[0].account)
    #expect(abs(a.measureFinal - whole.logProbability) < 1e-9)
    #expect(abs(a.total - b.total) < 1e-8)
    let (one, many) = (try #require(a.columns[.credit]), try #require(b.columns[.credit]))
    #expect(one.relativeResidual < 1e-4 && many.relativeResidual < 1e-3)
    // Each is within its tolerance of the same integral.
    for (x, y) in zip(one.items, many.items) { #expect(abs(x - y) < 2e-3 * one.movement) }
    #expect(whole.spans[0].verdict == nil && whole.retrainings == 0)
  }

  @Test("what is left out is really left out") func retraining() throws {
    var options = options
    options.withoutDocuments = [4]
    options.controls = 0
    let trace = try text.trace([LearntText.alone], options)[0]
    let named = try #require(trace.spans[0].counterfactual(.named))
    #expect(named.passages == [4] && named.control == nil)
    let run: TrainingRun<Double> = try text.record.run()
    let again = try Removal([4]).applied(to: run)
    let trainer = again.makeTrainer()
    try trainer.run(again.batches, again.learningRates)
    let items: Dataset<Double> = text.corpus.train()
    let value = run.model.values(
      of: .logProbability, loss: .crossEntropySum, on: items[[0]], at: trainer.parameters)[0]
    #expect(abs(named.after - value) < 1e-9)
  }

  @Test("one that is stopped while it trains again goes on from there") func resumes() throws {
    let expected = try text.trace([LearntText.shared], options)[0]
    let last = expected.retrainings - 1
    let folder = NSTemporaryDirectory() + "palimpsest-trace-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = options
    options.ledger.resumeFolder = folder
    let tracer = try Tracer<Double>(text.record, options: options, pool: WorkerPool(threads: 1))
    let plan = try tracer.plan(
      TracedOutput(output: text.tokens(LearntText.shared), text.corpus.vocabulary))
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      _ = try tracer.trace([plan]) { phase, done, _ in
        if phase == .retrainings && done == last { throw Stop() }
      }
    }
    let name = try #require(
      FileManager.default.contentsOfDirectory(atPath: folder).first { $0.contains("retrainings") })
    let bytes = try #require(FileManager.default.contents(atPath: "\(folder)/\(name)"))
    var damaged = bytes
    damaged[damaged.count - 3] ^= 1
    #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: damaged))
    #expect(throws: FormatError.self) { _ = try tracer.trace([plan]) }

    #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: bytes))
    var first: Int?
    let trace = try tracer.trace([plan]) { phase, done, _ in
      if phase == .retrainings && first == nil { first = done }
    }[0]
    #expect(last > 0 && first == last)
    #expect(trace.spans.map(\.counterfactuals) == expected.spans.map(\.counterfactuals))
    #expect(trace.spans.map(\.verdict) == expected.spans.map(\.verdict))
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test("a text that is longer than the context is traced in parts") func long() throws {
    var options = options
    options.retrains = false
    let long = LearntText.alone + " " + LearntText.shared
    let trace = try text.trace([long], options)[0]
    #expect(trace.spans.first?.tokens.lowerBound == 1)
    #expect(trace.spans.last?.tokens.upperBound == trace.output.tokens.count)
    #expect(trace.logProbabilities.count == trace.output.predicted.count)
    // The first part is predicted as the sentence alone is.
    let alone = try text.trace([LearntText.alone], options)[0]
    #expect(trace.logProbabilities.prefix(30) == alone.logProbabilities.prefix(30))
  }

  @Test("generated outputs are traced with the probabilities of generation") func generated() throws
  {
    let tracer = try Tracer<Double>(text.record, options: options, pool: WorkerPool(threads: 1))
    var probabilities: [Double] = []
    let output = try tracer.generate(after: text.tokens("Zora"), length: 20, Sampling()) {
      probabilities.append($0.logProbability)
    }
    var options = options
    options.retrains = false
    let quick = try Tracer<Double>(text.record, options: options, pool: WorkerPool(threads: 1))
    let trace = try quick.trace([quick.plan(output)])[0]
    #expect(trace.logProbabilities.count == 20)
    for (a, b) in zip(trace.logProbabilities, probabilities) { #expect(abs(a - b) < 1e-9) }
  }
}
