import Autodiff
public import TensorCore

/// How well a model does on each of some items, at any parameters.
///
/// Compiled once and asked many times, by several threads at once if need be.
public struct ItemOutcomes<Scalar: TensorScalar>: Sendable {
  /// What came out for N items.
  public struct Values: Sendable, Equatable {
    /// `[N]`, the share of an item's labels that the model gets right, in 0 … 1.
    ///
    /// A label is right where its output is larger than that of any other class. 0 for an item without
    /// a label.
    public var accuracy: [Float]
    /// `[N]`, minus the item's own loss: the log-probability of its label, in nats, for a
    /// classifier.
    public var score: [Float]

    /// What came out.
    public init(accuracy: [Float], score: [Float]) {
      self.accuracy = accuracy
      self.score = score
    }
  }

  private let model: any Model
  /// The items in blocks, all but the last of one size.
  private let parts: [Dataset<Scalar>]
  /// A compiled graph for each size.
  private let plans: [Int: Plan<Scalar>]

  /// Outcomes of a classifier.
  ///
  /// - Precondition: The items fit the model and the loss, which takes labels.
  public init(_ model: any Model, loss: Loss, data: Dataset<Scalar>) {
    precondition(loss.takesLabels, "right and wrong answers need labels")
    self.model = model
    let blocks = Blocks(data.count, size: 256)
    parts = (0..<blocks.number).map { data[Array(blocks[$0])] }
    var plans: [Int: Plan<Scalar>] = [:]
    for size in Set(parts.map(\.count)) {
      let items = ItemGraph(model, loss: loss, batch: size)
      plans[size] = Plan(items.graph, outputs: [items.values, items.outputs])
    }
    self.plans = plans
  }

  /// The outcomes at some parameters `[P]`.
  public func values(at parameters: [Scalar]) -> Values {
    var values = Values(accuracy: [], score: [])
    parameters.withUnsafeBufferPointer { parameters in
      guard let base = parameters.baseAddress else { return }
      var workspaces: [Int: Workspace<Scalar>] = [:]
      for part in parts {
        guard let plan = plans[part.count], case .labels(let labels) = part.targets else {
          continue
        }
        let workspace = workspaces[part.count] ?? plan.makeWorkspace()
        workspaces[part.count] = workspace
        workspace.bind(model.layout, of: plan, to: base)
        workspace.set(ItemGraph.inputsLabel, part.inputs)
        workspace.set(ItemGraph.targetsLabel, indices: labels)
        plan.run(workspace)
        values.score += workspace.output(0).map { -Float($0) }
        values.accuracy += Self.accuracy(workspace.output(1), labels, items: part.count)
      }
    }
    return values
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private static func accuracy(
    _ outputs: UnsafeBufferPointer<Scalar>, _ labels: [Int32], items: Int
  ) -> [Float] {
    let (width, classes) = (labels.count / max(items, 1), outputs.count / max(labels.count, 1))
    return (0..<items).map { item in
      var (right, labelled) = (0, 0)
      for place in item * width..<(item + 1) * width where labels[place] >= 0 {
        labelled += 1
        let own = outputs[place * classes + Int(labels[place])]
        var rivals = 0
        for output in outputs[place * classes..<(place + 1) * classes] where output >= own {
          rivals += 1
        }
        // The label's own output is one of them; where that is NaN, none is.
        right += rivals == 1 ? 1 : 0
      }
      return Float(right) / Float(max(labelled, 1))
    }
  }
}
