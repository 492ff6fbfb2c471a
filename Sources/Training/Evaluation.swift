import Autodiff
public import TensorCore

extension Model {
  /// A measure of each item at some parameters, `[N]`.
  ///
  /// - Parameters:
  ///   - measure: What is asked.
  ///   - data: The items; they fit the model.
  ///   - parameters: Flat `[P]`.
  public func values<Scalar: TensorScalar>(
    of measure: Measure, loss: Loss, on data: Dataset<Scalar>, at parameters: [Scalar]
  ) -> [Scalar] {
    let blocks = Blocks(data.count, size: 256)
    var values: [Scalar] = []
    parameters.withUnsafeBufferPointer { parameters in
      guard let base = parameters.baseAddress else { return }
      // All blocks but the last are of one size.
      var compiled: (plan: Plan<Scalar>, workspace: Workspace<Scalar>, size: Int)?
      for block in 0..<blocks.number {
        let part = data[Array(blocks[block])]
        if compiled?.size != part.count {
          let items = ItemGraph(self, loss: loss, measure: measure, batch: part.count)
          let plan = Plan<Scalar>(items.graph, outputs: [items.values])
          let workspace = plan.makeWorkspace()
          workspace.bind(layout, of: plan, to: base)
          compiled = (plan, workspace, part.count)
        }
        guard let (plan, workspace, _) = compiled else { return }
        workspace.set(part)
        plan.run(workspace)
        values += workspace.tensor(0).scalars
      }
    }
    return values
  }
}

extension Workspace {
  /// Sets the inputs and the targets of an ``ItemGraph`` to these items.
  package func set(_ items: Dataset<Scalar>) {
    set(ItemGraph.inputsLabel, items.inputs)
    switch items.targets {
    case .labels(let labels): set(ItemGraph.targetsLabel, indices: labels)
    case .values(let values): set(ItemGraph.targetsLabel, values)
    }
  }
}
