import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest list`: what can be asked for by name.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List what can be asked for by name.",
    discussion: "EXAMPLE: palimpsest list methods")

  enum Kind: String, CaseIterable, ExpressibleByArgument {
    case methods, models, formats, measures, losses, optimizers, columns, rules, metrics
    case backends
  }

  @Argument(help: "What to list.")
  var kind: Kind

  @Flag(help: "Print one JSON object per line.")
  var json = false

  mutating func run() throws {
    let entries = entries
    let width = max(18, entries.map(\.0.count).max() ?? 0) + 2
    for (name, summary) in entries {
      if json {
        let members: [JSONValue.Member] = [
          .init("name", .string(name)), .init("summary", .string(summary)),
        ]
        try Output.line("\(JSONValue.object(members))")
      } else {
        try Output.line(name.padding(toLength: width, withPad: " ", startingAt: 0) + summary)
      }
    }
  }

  private var entries: [(String, String)] {
    switch kind {
    case .methods:
      EstimatorRegistry.all.map { ($0.name, $0.summary) }
        + LedgerColumn.allCases.map { ($0.rawValue, "\($0.summary); needs a run") }
    case .models:
      ModelRegistry.all.map { ($0.name, "\($0.summary), such as \($0.example)") }
        + [("onnx", "a network from elsewhere, as torch.onnx.export writes it, such as model.onnx")]
    case .formats: FormatRegistry.all.map { ($0.name, $0.summary) }
    case .measures: Measure.allCases.map { ($0.rawValue, $0.summary) }
    case .losses: Loss.allCases.map { ($0.rawValue, $0.summary) }
    case .columns: LedgerColumn.allCases.map { ($0.rawValue, $0.summary) }
    case .rules: QuadratureRule.allCases.map { ($0.rawValue, $0.summary) }
    case .metrics: EvaluationRegistry.all.map { ($0.name, $0.summary) }
    case .backends:
      ProductBackend.allCases.map { backend in
        let fault = backend == .blas ? BLASLibrary.fault.map { "; \($0) computes wrongly" } : nil
        return (backend.rawValue, backend.summary + (fault ?? ""))
      }
    case .optimizers: OptimizerRegistry.all.map { ($0.name, $0.summary) }
    }
  }
}
