public import Autodiff
import TensorCore

/// The graph of a model and one number per item (a loss or a measure) for a batch of B items.
///
/// Bound by ``inputsLabel`` `[B] + inputShape`, ``targetsLabel`` (labels, one per position, or numbers), and the
/// parameters under their names in the layout.
public struct ItemGraph: Sendable {
  /// The label of the items' inputs.
  public static let inputsLabel = "(inputs)"
  /// The label of the items' targets.
  public static let targetsLabel = "(targets)"

  /// The graph, to be extended by derivatives.
  public var graph = Graph()
  /// The parameters in the order of the layout.
  public let parameters: [NodeID]
  /// The model's outputs `[B] + outputShape`.
  public let outputs: NodeID
  /// The measure of each item, `[B]`.
  public let values: NodeID
  /// The inputs and the targets, whose first axis is the batch.
  public let data: [NodeID]
  private let isTrainable: [Bool]

  /// The graph of a measure of a model trained with a loss.
  public init(_ model: any Model, loss: Loss, measure: Measure = .loss, batch: Int) {
    self.init(model, loss: loss, measure: QueryMeasure(measure, loss: loss), batch: batch)
  }

  /// The graph of any number of a model's outputs.
  public init(_ model: any Model, loss: Loss, measure: QueryMeasure, batch: Int) {
    let inputs = graph.input(Self.inputsLabel, Shape([batch]).appending(model.inputShape))
    let targets =
      loss.takesLabels
      ? graph.indexInput(Self.targetsLabel, Shape([batch]).appending(model.targetShape(loss)))
      : graph.input(Self.targetsLabel, Shape([batch]).appending(model.targetShape(loss)))
    var parameters: [NodeID] = []
    for entry in model.layout.entries { parameters.append(graph.input(entry.name, entry.shape)) }
    self.parameters = parameters
    isTrainable = model.layout.entries.map(\.isTrainable)
    data = [inputs, targets]
    outputs = model.outputs(&graph, inputs: inputs, parameters: parameters)
    values = measure.perItem(&graph, outputs, targets)
  }

  /// Adds the gradients of Σ seed · values by each parameter; zeros for those that are not trained.
  public mutating func gradients(seed: NodeID) -> [NodeID] {
    let gradients = graph.gradient(of: values, withRespectTo: parameters, seed: seed)
    return zip(gradients, isTrainable).map { gradient, isTrainable in
      isTrainable ? gradient : graph.constant(0, graph.shape(gradient))
    }
  }
}

extension ItemGraph {
  /// The floating-point operations of the values of all items, about.
  public var operations: Double { graph.operations(of: [values]) }

  /// The floating-point operations of an item's loss and its gradient, about.
  public static func gradientOperations(_ model: any Model, loss: Loss) -> Double {
    var items = ItemGraph(model, loss: loss, batch: 1)
    let gradients = items.gradients(seed: items.graph.constant(1, [1]))
    return items.graph.operations(of: [items.values] + gradients)
  }
}

extension Workspace {
  /// Reads every parameter of a layout from one flat vector `[P]`.
  ///
  /// The vector must outlive the runs.
  public func bind(_ layout: ParameterLayout, of plan: Plan<Scalar>, to flat: UnsafePointer<Scalar>)
  {
    for entry in layout.entries {
      if let slot = plan.input(entry.name) { bind(slot, to: flat + entry.offset) }
    }
  }
}
