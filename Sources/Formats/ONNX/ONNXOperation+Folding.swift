import Autodiff
import TensorCore

extension ONNXOperation {
  /// The results of an operator whose operands are all known: its own graph is run.
  ///
  /// - Parameters:
  ///   - work: The additions and multiplications so far, about.
  ///   - limit: The most that it may reach.
  func folded(
    _ results: [ONNXValue], work: inout Int, limit: Int
  ) throws(FormatError) -> [ONNXValue] {
    var ids: [NodeID] = []
    for result in results { collect(result, &ids) }
    var known: [NodeID: [Double]] = [:]
    for id in ids where known[id] == nil {
      work += graph.nodes.reduce(0) { $0 + cost(of: $1) }
      guard work <= limit else {
        throw fault("constants are computed from the file, which takes more than \(limit) steps")
      }
      known[id] = graph.shape(id).count == 0 ? [] : try elements(of: id)
    }
    return results.map { replace($0, known) }
  }

  private func cost(of node: Graph.Node) -> Int {
    let operands = node.operands.reduce(0) { $0 + graph.shape($1).count }
    guard node.primitive is MatMul, let first = node.operands.first else {
      return node.shape.count + operands
    }
    let rows = max(node.shape.extents.dropLast().reduce(1, *), 1)
    return node.shape.count * max(graph.shape(first).count / rows, 1) + operands
  }

  private func elements(of id: NodeID) throws(FormatError) -> [Double] {
    let plan = Plan<Double>(graph, outputs: [id])
    guard plan.workspaceCount <= 8 * Self.mostKnownElements else {
      throw fault("a constant that takes \(plan.workspaceCount) numbers of memory to compute")
    }
    let workspace = plan.makeWorkspace()
    plan.run(workspace)
    return Array(workspace.output(0))
  }

  private func collect(_ value: ONNXValue, _ ids: inout [NodeID]) {
    switch value {
    case .constant: break
    case .computed(let id, _): ids.append(id)
    case .sequence(let values): for value in values { collect(value, &ids) }
    }
  }

  private func replace(_ value: ONNXValue, _ known: [NodeID: [Double]]) -> ONNXValue {
    switch value {
    case .constant: value
    case .computed(let id, let type):
      .constant(ONNXConstant(graph.shape(id), type, known[id] ?? []))
    case .sequence(let values): .sequence(values.map { replace($0, known) })
    }
  }
}
