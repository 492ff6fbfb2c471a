import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest generate`: a text model goes on with a text.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Let the model of a text run go on with a prompt.",
    discussion: """
      The most probable token is taken each time, unless --temperature is above 0. Of a text longer \
      than the model's context its end is seen. The log-probabilities of --json are the model's own, \
      in nats, whatever the temperature.

      EXAMPLES:
        palimpsest generate licenses --prompt "This program is free software" --length 80
        palimpsest generate licenses --prompt "You may" --temperature 0.8 --top-k 20 --seed 3
      """)

  @Argument(
    help: ArgumentHelp("Folder of a run that was trained with --text.", valueName: "run"))
  var folder: String

  @Option(
    help: ArgumentHelp("The text to go on with; - reads standard input.", valueName: "text"))
  var prompt: String

  @Option(help: ArgumentHelp("Tokens to add.", valueName: "n"))
  var length = 100

  @OptionGroup var choice: SamplingOptions

  @Option(
    help: ArgumentHelp("Checkpoint after so many steps; the last where absent.", valueName: "n"))
  var step: Int?

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Print one JSON object, with every token and its log-probability.")
  var json = false

  mutating func run() throws {
    prompt = try TypedText.read(prompt, option: "--prompt")
    let record = try RunRecord.opened(folder)
    switch record.manifest.precision {
    case .float32: try generate(record, as: Float.self)
    case .float64: try generate(record, as: Double.self)
    }
  }

  private func generate<Scalar: TensorScalar>(_ record: RunRecord, as type: Scalar.Type) throws {
    let vocabulary = try record.vocabulary()
    let tokens = try vocabulary.encode(Array(prompt.utf8), name: "--prompt").tokens
    let (step, parameters) = try state(record, as: type)
    let generator = try TextGenerator(
      record.model, parameters: parameters, pool: compute.makePool())
    let bar = ProgressBar("generate", of: length, "tokens")
    defer { bar.finish() }
    var done = 0
    let generated = try generator.generate(after: tokens, length: length, choice.sampling) { _ in
      done += 1
      bar.show(done)
      try Signals.check()
    }
    bar.finish()
    let text = String(decoding: vocabulary.decode(generated.map(\.token)), as: UTF8.self)
    guard json else { return try Output.line((prompt + text).plain) }
    try Output.line("\(object(text, generated, vocabulary, tokens.count, step: step))")
  }

  /// The parameters of the checkpoint that is asked for.
  private func state<Scalar: TensorScalar>(
    _ record: RunRecord, as type: Scalar.Type
  ) throws -> (Int, [Scalar]) {
    let steps = try record.checkpoints()
    let step = step ?? steps.last ?? 0
    guard steps.contains(step) else {
      let near = steps.min { abs($0 - step) < abs($1 - step) } ?? 0
      throw UsageError(
        "--step: found \(step), expected one of the \(steps.count) checkpoints of the run; the "
          + "nearest is \(near)")
    }
    return (step, try record.parameters(at: step))
  }

  private func object(
    _ text: String, _ generated: [GeneratedToken], _ vocabulary: Vocabulary, _ promptTokens: Int,
    step: Int
  ) -> JSONValue {
    let tokens = generated.map { token in
      let bytes = vocabulary.pieces[Int(token.token)]
      return JSONValue.object([
        .init("token", .number(token.token)),
        .init("text", .string(String(decoding: bytes, as: UTF8.self))),
        .init("bytes", .array(bytes.map { .number($0) })),
        // A checkpoint of huge numbers gives none.
        .init(
          "logProbability",
          token.logProbability.isFinite ? .number(token.logProbability) : .null),
      ])
    }
    return .object([
      .init("run", .string(folder)), .init("step", .number(step)), .init("prompt", .string(prompt)),
      .init("promptTokens", .number(promptTokens)), .init("text", .string(text)),
      .init("temperature", .number(choice.temperature)),
      .init("topK", choice.topK.map { .number($0) } ?? .null), .init("seed", .number(choice.seed)),
      .init("tokens", .array(tokens)),
    ])
  }
}
