import Autodiff
import Formats
import TensorCore

/// A built-in model with what a person says about it, such as parameters that are left as they are.
///
/// The trained parameters come first in its layout, the others behind them, each under its own name.
struct ConfiguredModel: Model {
  let settings: ModelSettings
  let layout: ParameterLayout
  private let model: any Model
  /// Where each parameter of the model stands in the layout.
  private let places: [Int]

  /// - Throws: ``ModelError`` where a pattern stands for no parameter, where none is left to train,
  ///   or where something is said that only a file can answer.
  init(_ model: any Model, _ settings: ModelSettings) throws(ModelError) {
    let entries = model.layout.entries
    let names = entries.map { FormatError.quoted($0.name) }.joined(separator: ", ")
    let patterns = settings.patterns
    guard settings.output == nil, settings.itemShapes.isEmpty else {
      throw ModelError(
        description: "model \(FormatError.quoted(model.specification)) has one output and inputs "
          + "of shape \(model.inputShape): leave out --output and --item-shape, which are for files"
      )
    }
    if let pattern = patterns.unmatched(by: entries.map(\.name)) {
      throw ModelError(
        description: "the pattern \(FormatError.quoted(pattern)) stands for no parameter of the "
          + "model, expected one of \(names)")
    }
    let trained = entries.filter { $0.isTrainable && patterns.trains($0.name) != false }
    guard !trained.isEmpty else {
      throw ModelError(
        description: "the patterns leave no parameter to train, expected one of \(names)")
    }
    let chosen = Set(trained.map(\.name))
    layout = ParameterLayout(
      trained.map { ($0.name, $0.shape) },
      buffers: entries.filter { !chosen.contains($0.name) }.map { ($0.name, $0.shape) })
    let order = layout.entries.map(\.name)
    places = entries.map { entry in order.firstIndex(of: entry.name) ?? 0 }
    self.model = model
    self.settings = settings
  }

  var specification: String { model.specification }
  var inputShape: Shape { model.inputShape }
  var outputShape: Shape { model.outputShape }
  var vocabulary: Int? { model.vocabulary }
  var takesWholeNumbers: Bool { model.takesWholeNumbers }

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    model.outputs(&graph, inputs: inputs, parameters: places.map { parameters[$0] })
  }

  func initialParameters(seed: UInt64) -> [Double] {
    let own = model.initialParameters(seed: seed)
    var parameters = [Double](repeating: 0, count: layout.count)
    for (entry, place) in zip(model.layout.entries, places) {
      parameters.replaceSubrange(layout.entries[place].range, with: own[entry.range])
    }
    return parameters
  }
}
