import Autodiff
import Formats
package import TensorCore

extension ONNXModel {
  /// The operator in which the numbers of an item, or the derivatives of the sum of its outputs, stop
  /// being numbers, in words; nil where all of them are.
  package func operation<Scalar: TensorScalar>(
    breaking item: Dataset<Scalar>, at parameters: [Scalar]
  ) -> String? {
    var graph = single
    let made = operationValues.filter { graph.shape($0).count > 0 }
    let slopes = graph.gradient(
      of: graph.sum(
        graph.reshape(output, to: [graph.shape(output).count]), axes: [-1]), withRespectTo: made)
    let plan = Plan<Scalar>(graph, outputs: made + slopes)
    let workspace = plan.makeWorkspace()
    for entry in layout.entries {
      workspace.set(entry.name, Tensor(entry.shape, Array(parameters[entry.range])))
    }
    workspace.set(ItemGraph.inputsLabel, Tensor(inputShape, item.inputs.scalars))
    plan.run(workspace)
    let isBad = { (output: Int) in workspace.output(output).contains { !$0.isFinite } }
    func name(_ index: Int) -> String {
      let operation = operations[index]
      return "\(FormatError.printable(operation.operatorName, limit: 60)), which makes "
        + FormatError.quoted(operation.output)
    }
    guard made.count == operations.count else { return nil }
    if let index = made.indices.first(where: isBad) { return "the result of \(name(index))" }
    // Derivatives go from the output back: the last bad one is an operand of the operator at fault.
    guard let operand = made.indices.last(where: { isBad(made.count + $0) }) else { return nil }
    let reader = graph.readers(of: made[operand]).compactMap { made.firstIndex(of: $0) }.min()
    return reader.map { "the derivative of \(name($0))" }
      ?? "the derivative by what \(name(operand))"
  }
}

extension Graph {
  /// The values that are computed from a value, directly or not.
  fileprivate func readers(of value: NodeID) -> Set<NodeID> {
    var reached: Set<NodeID> = [value]
    for index in nodes.indices where nodes[index].operands.contains(where: reached.contains) {
      reached.insert(NodeID(index: index))
    }
    return reached.subtracting([value])
  }
}
