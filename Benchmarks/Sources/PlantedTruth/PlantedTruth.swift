import ArgumentParser
import Foundation
import Palimpsest

/// How often a trace is right, on invented books in which it is known what stands where.
@main
struct PlantedTruth: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "planted-truth",
    abstract: "Trace planted passages of invented books, and count the right answers.",
    discussion: """
      A small transformer learns the books. It is given the name that opens a planted chapter, and \
      goes on by itself; where it goes on letter by letter, the plant is memorised. Each output is \
      traced. Chapters that stand in no book are traced after their names, as texts.
      """)

  @Option(help: "Plants in one book each.") var unique = 32
  @Option(help: "Plants in four books each.") var copied = 18
  @Option(help: "Plants in no book.") var heldOut = 20
  @Option(help: "Passes over the passages.") var epochs = 30
  @Option(help: "The width of the model.") var width = 48
  @Option(help: "The seed of books and training.") var seed: UInt64 = 0
  @Option(help: "The number of threads.") var threads = WorkerPool.processorCount
  @Option(help: "A folder for the run; nothing of it is kept where absent.") var out: String?
  @Flag(help: "Print a line for each output.") var verbose = false

  func run() throws {
    let clock = ContinuousClock()
    let start = clock.now
    let folder = out ?? "\(NSTemporaryDirectory())planted-truth-\(UUID().uuidString)"
    defer { if out == nil { try? FileManager.default.removeItem(atPath: folder) } }
    let pool = WorkerPool(threads: threads)
    let (books, corpus) = try corpus()
    try train(corpus, folder, pool)
    let trained = clock.now
    var options = TraceOptions()
    options.ledger.columns = [.credit]
    let tracer = try Tracer<Float>(RunRecord(folder: folder), options: options, pool: pool)
    let cases = try PlantedCase.all(books, corpus, tracer)
    let plans = cases.map { tracer.plan($0.output) }
    var phase = ""
    let traces = try tracer.trace(plans) { now, done, total in
      let text = "\(now) \(done * 10 / max(total, 1))"
      if text != phase {
        phase = text
        FileHandle.standardError.write(Data("\(now): \(done) of \(total)\n".utf8))
      }
    }
    let answers = zip(cases, traces).map { PlantedAnswer($0, $1, corpus) }
    if verbose { for answer in answers { print(answer.line) } }
    print(
      "\(corpus.documents.count) chapters, \(corpus.trainCount) passages; trained in "
        + "\(Self.seconds(trained - start)) s, \(cases.count) outputs traced with "
        + "\(traces.first?.retrainings ?? 0) retrainings in \(Self.seconds(clock.now - trained)) s")
    for line in PlantedAnswer.summary(answers) { print(line) }
  }

  private static func seconds(_ duration: Duration) -> String {
    String(format: "%.1f", duration / .seconds(1))
  }

  private func corpus() throws -> (InventedBooks, TextCorpus) {
    var settings = InventedBooks.Settings()
    (settings.unique, settings.copied, settings.paraphrased) = (unique, copied, 0)
    (settings.heldOut, settings.seed) = (heldOut, seed)
    let books = try InventedBooks(settings)
    var cut = TextCorpus.Settings(context: 64)
    cut.heldOut = 0
    let vocabulary = try Vocabulary(.bytePairs(384), of: books.files)
    return (books, try TextCorpus(books.files, vocabulary, cut))
  }

  private func train(_ corpus: TextCorpus, _ folder: String, _ pool: WorkerPool) throws {
    let model = try ModelRegistry.textModel(
      "transformer:context=64,width=\(width),heads=4,layers=2", tokens: corpus.vocabulary.count)
    var run = try TrainingRun<Float>(
      model, train: .init(corpus.train()), optimizer: OptimizerSettings(AdamW.self),
      learningRate: 0.003, batchSize: 8, epochs: epochs, checkpointEvery: 500, seed: seed)
    run.text = corpus
    try run.record(in: folder, pool: pool)
  }
}
