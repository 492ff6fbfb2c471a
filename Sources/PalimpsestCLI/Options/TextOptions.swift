import ArgumentParser
import Foundation
import Palimpsest

/// The options of training on text.
struct TextOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder of text files to cut into passages, with its subfolders; hidden files are passed "
        + "over. The model is a transformer, whose vocabulary= the text gives.",
      valueName: "dir"))
  var text: String?

  @Option(
    help: ArgumentHelp(
      "Tokens of the text: bytes, characters, or bpe:N, frequent pairs of bytes joined up to N "
        + "tokens. (default: bytes)",
      valueName: "kind"))
  var vocabulary: String?

  @Option(
    help: ArgumentHelp(
      "Share of the documents that is held out, by the seed. (default: 0.1, rounded)",
      valueName: "share"))
  var heldOut: Double?

  @Option(
    help: ArgumentHelp(
      "Tokens from the start of a passage to that of the next; the model's context where absent.",
      valueName: "n"))
  var stride: Int?

  /// The corpus and the model for it; nil where no text is given.
  ///
  /// - Throws: ``UsageError`` where other options need a text, or ask for no held-out document.
  func corpus(_ specification: String, seed: UInt64) throws -> (TextCorpus, any Model)? {
    guard let text else {
      let given = [
        ("--vocabulary", vocabulary != nil), ("--held-out", heldOut != nil),
        ("--stride", stride != nil),
      ]
      if let option = given.first(where: \.1) { throw UsageError("\(option.0) goes with --text") }
      return nil
    }
    let choice = try VocabularyChoice(vocabulary ?? "bytes")
    // A wrong model is told before the text is read, if it is not about the vocabulary.
    let isComplete = specification.contains("vocabulary=") && !specification.contains("=auto")
    if !isComplete { _ = try ModelRegistry.textModel(specification, tokens: 1) }
    let files = try TextFolder.read(text)
    let tokens = try Vocabulary(choice, of: files)
    let model = try ModelRegistry.textModel(specification, tokens: max(tokens.count, 1))
    var settings = TextCorpus.Settings(context: model.inputShape.count)
    settings.stride = stride
    settings.seed = seed
    if let heldOut {
      settings.heldOut = heldOut
      guard heldOut == 0 || (heldOut * Double(files.count)).rounded() != 0 else {
        throw UsageError(
          "--held-out \(heldOut) of \(files.count) documents is none; expected 0, or at least "
            + HumanNumber.significant(0.5 / Double(files.count), digits: 2))
      }
    }
    let corpus = try TextCorpus(files, tokens, settings)
    corpus.notes.forEach(Output.warn)
    return (corpus, model)
  }
}

/// How well a text model predicts what it learnt, and what it did not.
struct TextLosses {
  private let losses: [(part: String, items: Int, loss: TextLoss)]

  /// Of a run at some parameters; nil where its items are no text.
  init?<Scalar: TensorScalar>(
    _ run: TrainingRun<Scalar>, at parameters: [Scalar], pool: WorkerPool
  ) throws {
    guard let text = run.text else { return nil }
    let parts = [("train", run.train.items), ("held-out", run.test?.items)]
    losses = try parts.compactMap { part, items in
      guard let items else { return nil }
      let bar = ProgressBar("loss of \(part) passages", of: items.count, "passages")
      defer { bar.finish() }
      let loss = try run.model.textLoss(on: items, text.vocabulary, at: parameters, pool: pool) {
        bar.show($0)
        try Signals.check("the run is recorded; repeat the command for its losses")
      }
      return (part, items.count, loss)
    }
  }

  /// A line for each part.
  var lines: [String] {
    losses.map { part, items, loss in
      part.padding(toLength: 9, withPad: " ", startingAt: 0)
        + " \(HumanNumber.significant(loss.natsPerToken)) nats per token, "
        + "\(HumanNumber.significant(loss.bitsPerByte)) bits per byte, on \(HumanNumber.count(items)) "
        + "passages of \(HumanNumber.count(loss.tokens)) predicted tokens"
    }
  }

  /// `trainLoss` and `heldOutLoss`.
  var json: [(String, JSONValue)] {
    losses.map { part, items, loss in
      let members: [(String, JSONValue)] = [
        ("passages", .number(items)), ("tokens", .number(loss.tokens)),
        ("bytes", .number(loss.bytes)), ("natsPerToken", .number(loss.natsPerToken)),
        ("bitsPerByte", .number(loss.bitsPerByte)),
      ]
      return (
        part == "train" ? "trainLoss" : "heldOutLoss",
        .object(members.map { .init($0.0, $0.1) })
      )
    }
  }
}
