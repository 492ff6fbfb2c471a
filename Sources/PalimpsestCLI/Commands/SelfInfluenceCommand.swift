import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest self-influence`: the diagonal of the score matrix.
struct SelfInfluenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "self-influence",
    abstract: "Score every training item against itself: high for items learnt by heart.",
    discussion: """
      EXAMPLE: palimpsest self-influence run --top 20 --scores self.npy
      """)

  @OptionGroup var source: ModelOptions

  @Option(help: ArgumentHelp("Method; see `palimpsest list methods`.", valueName: "name"))
  var method = TracIn.name

  @Option(help: ArgumentHelp("Items to print.", valueName: "k"))
  var top = 10

  @Option(help: ArgumentHelp("Write all values, npy [N].", valueName: "file"))
  var scores: String?

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print one JSON object per item.")
  var json = false

  mutating func run() throws {
    let origin = try source.origin()
    switch source.precision(of: origin) {
    case .float32: try run(origin, as: Float.self)
    case .float64: try run(origin, as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(
    _ origin: ModelOptions.Origin, as type: Scalar.Type
  ) throws {
    let estimator = try Scoring.estimator(method)
    let source = try source.source(origin, trajectory: estimator.usesTrajectory, as: type)
    let setting = ScoreSetting(
      model: source.model, loss: source.loss, items: source.items, queries: source.items[[]],
      checkpoints: source.checkpoints)
    let engine = try ScoreEngine(
      estimator.problem(setting), pool: compute.makePool(), memory: compute.memory?.bytes)
    if dryRun {
      Scoring.printEstimate(engine.estimate, json: json)
      return
    }
    let values = try engine.selfInfluence()
    if let scores {
      try NPY.write(Tensor<Double>([values.count], values), to: scores)
    }
    let order = values.indices.sorted {
      values[$0] == values[$1] ? $0 < $1 : values[$0] > values[$1]
    }
    let unit = estimator.unit(.loss).map { ", \($0)" } ?? ", no unit"
    if !json { print("self-influence by \(method)\(unit), \(values.count) items") }
    for (rank, item) in order.prefix(top).enumerated() {
      let id = Scoring.id(item, source.items, "train")
      let label = source.items.labels.map { Int($0[item]) }
      if json {
        print(
          JSONValue.object([
            .init("rank", .number(rank + 1)), .init("item", .number(item)),
            .init("id", .string(id)), .init("label", label.map { .number($0) } ?? .null),
            .init("value", .number(values[item])),
          ]))
      } else {
        let text = label.map { "label \($0)" } ?? ""
        print("\(rank + 1)\t\(id)\t\(text)\t\(values[item])")
      }
    }
  }
}
