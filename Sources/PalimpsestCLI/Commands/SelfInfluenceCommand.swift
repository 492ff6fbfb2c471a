import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest self-influence`: the diagonal of the score matrix.
struct SelfInfluenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "self-influence",
    abstract: "Score every training item against itself: high for items learnt by heart.",
    discussion: "EXAMPLE: palimpsest self-influence run --top 20 --scores self.npy")

  @OptionGroup var source: ModelOptions

  @Option(help: ArgumentHelp("Method; see `palimpsest list methods`.", valueName: "name"))
  var method = TracIn.name

  @Option(help: ArgumentHelp("Items to print.", valueName: "k"))
  var top = 10

  @Option(help: ArgumentHelp("Write all values, npy [N].", valueName: "file"))
  var scores: String?

  @Flag(help: "Leave out training items whose gradient is NaN or infinite, and say which.")
  var skipBadItems = false

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print one JSON object per item.")
  var json = false

  func validate() throws {
    guard top >= 0 else { throw ValidationError("--top: found \(top), expected 0 or more") }
  }

  mutating func run() throws {
    try OutputPlace.check(file: scores)
    let origin = try source.origin()
    switch source.precision(of: origin) {
    case .float32: try run(origin, as: Float.self)
    case .float64: try run(origin, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(
    _ origin: ModelOptions.Origin, as type: Scalar.Type
  ) throws {
    let estimator = try Scoring.gradients(Scoring.estimator(method))
    var source = try source.source(origin, trajectory: estimator.usesTrajectory, as: type)
    if skipBadItems { source = try source.withoutBadItems() }
    let setting = ScoreSetting(
      model: source.model, loss: source.loss, items: source.items, queries: source.items[[]],
      checkpoints: source.checkpoints)
    let pool = try compute.makePool()
    let engine = try ScoreEngine(
      estimator.problem(setting), pool: pool, memory: compute.memory?.bytes)
    if dryRun {
      let bytes = scores == nil ? 0 : source.items.count * MemoryLayout<Double>.stride
      let estimate = try WorkEstimate(engine, pool: pool, outputBytes: bytes) {
        _ = try $0.selfInfluence()
      }
      return try estimate.print(json: json)
    }
    // A place that cannot be written is known before the work.
    if let scores {
      try OutputPlace.requireNoInput(scores)
      _ = try AtomicFile(path: scores)
    }
    let values = try Scoring.locatingFaults(source, source.items) { try selfInfluence(engine) }
    if let scores { try NPY.write(Tensor<Double>([values.count], values), to: scores) }
    try print(values, source, estimator)
  }

  private func selfInfluence<Scalar: TensorScalar>(
    _ engine: ScoreEngine<Scalar>
  ) throws -> [Double] {
    let count = engine.problem.items.count
    let bar = ProgressBar("self-influence", of: count, "items")
    bar.show(0)
    defer { bar.finish() }
    return try engine.selfInfluence { share in
      try Signals.check()
      bar.show(Int(share * Double(count)))
    }
  }

  private func print<Scalar: TensorScalar>(
    _ values: [Double], _ source: ModelOptions.Source<Scalar>, _ estimator: any Estimator.Type
  ) throws {
    let order = values.indices.sorted {
      values[$0] == values[$1] ? $0 < $1 : values[$0] > values[$1]
    }
    if !json {
      let unit = estimator.unit(.loss, loss: source.loss, weights: source.weights) ?? "no unit"
      try Output.line("self-influence by \(method), \(unit), \(values.count) items")
      for note in Scoring.notes(
        estimator, source.record, source.model, bytes: [source.byteNote])
      { try Output.line("note: \(note)") }
    }
    let chosen = order.prefix(top)
    let items = chosen.map { Scoring.item($0, source.items, "train") }
    let width = items.map { FormatError.printable($0.title, limit: Self.widest).count }.max() ?? 0
    for (rank, (item, shown)) in zip(chosen, items).enumerated() {
      let label = source.items.labels.map { Int($0[item]) }
      if json {
        let members: [JSONValue.Member] = [
          .init("rank", .number(rank + 1)), .init("item", .number(item)),
          .init("id", .string(shown.id)), .init("label", label.map { .number($0) } ?? .null),
          .init("value", .number(values[item])),
        ]
        try Output.line("\(JSONValue.object(members))")
      } else {
        let rankText = String(rank + 1)
        let name = FormatError.printable(shown.title, limit: Self.widest)
        try Output.line(
          String(repeating: " ", count: max(0, String(chosen.count).count - rankText.count))
            + rankText + "  " + name + String(repeating: " ", count: width - name.count)
            + (label.map { "  label \($0)" } ?? "") + "  "
            + HumanNumber.significant(values[item], digits: 4))
      }
    }
  }

  /// Characters of an item's name that are printed.
  private static let widest = 40
}
