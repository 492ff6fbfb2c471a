import ArgumentParser
import Palimpsest

/// Which parameters' gradients are compared.
struct LayerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Compare the gradients of these parameters alone: a parameter's name, such as 2.weight, or a "
        + "module's, such as 2; repeatable.", valueName: "name"))
  var layer: [String] = []

  /// The parameters that were named; all where none were.
  ///
  /// - Throws: `ScoreError` where a name is of no parameter that is trained.
  func layers(of model: any Model) throws -> Layers {
    guard !layer.isEmpty else { return .all }
    do {
      return try Layers(named: layer, in: model)
    } catch {
      throw UsageError("--layer: \(error)")
    }
  }

  /// A note that names the parameters where not all count.
  static func notes<Scalar: TensorScalar>(_ engine: ScoreEngine<Scalar>) -> [String] {
    let names = engine.comparedParameters
    let shown = names.prefix(mostNamed).joined(separator: ", ")
    let list = shown + (names.count > mostNamed ? " and \(names.count - mostNamed) more" : "")
    switch engine.problem.layers {
    case .all: return []
    case .last:
      return [
        "The last layer is \(list): the products that no other follows, with what meets them after. "
          + "--layer names another."
      ]
    case .parameters: return ["Gradients of \(list) alone are compared."]
    }
  }

  /// Parameters that a note names.
  private static let mostNamed = 8
}
