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
    let filled = ids.filter { graph.shape($0).count > 0 }
    guard !filled.isEmpty else { return results.map { replace($0, [:]) } }
    for node in graph.nodes {
      work += cost(of: node)
      guard work <= limit else {
        throw fault("constants are computed from the file, which takes more than \(limit) steps")
      }
    }
    let plan = Plan<Double>(graph, outputs: filled)
    guard plan.workspaceCount <= 8 * Self.mostKnownElements else {
      throw fault("a constant that takes \(plan.workspaceCount) numbers of memory to compute")
    }
    let workspace = plan.makeWorkspace()
    plan.run(workspace)
    var known: [NodeID: [Double]] = [:]
    for (index, id) in filled.enumerated() { known[id] = Array(workspace.output(index)) }
    return results.map { replace($0, known) }
  }

  private func cost(of node: Graph.Node) -> Int {
    let operands = node.operands.reduce(0) { $0 + graph.shape($1).count }
    // What each element of the result takes.
    let each: Int
    switch node.primitive {
    case is MatMul:
      let rows = max(node.shape.extents.dropLast().reduce(1, *), 1)
      each = max((node.operands.first.map { graph.shape($0).count } ?? 0) / rows, 1)
    case let pool as MaxPool: each = pool.windows.window.count
    case let select as WindowSelect: each = select.windows.window.count
    default: each = 1
    }
    let (steps, overflows) = node.shape.count.multipliedReportingOverflow(by: each)
    return overflows ? 1 << 40 : min(steps, 1 << 40) + operands
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
