import Autodiff
import TensorCore

extension ONNXOperation {
  /// The results of an operator whose operands are all known: its own graph is run.
  ///
  /// - Parameters:
  ///   - budget: The elements that were computed so so far.
  ///   - limit: The most that it may reach.
  func folded(
    _ results: [ONNXValue], budget: inout Int, limit: Int
  ) throws(FormatError) -> [ONNXValue] {
    var ids: [NodeID] = []
    for result in results { collect(result, &ids) }
    var known: [NodeID: [Double]] = [:]
    for id in ids where known[id] == nil {
      known[id] = graph.shape(id).count == 0 ? [] : try elements(of: id)
    }
    let folded = results.map { replace($0, known) }
    budget += folded.reduce(0) { $0 + $1.elementCount }
    guard budget <= limit else {
      throw fault("constants of more than \(limit) elements are computed from the file")
    }
    return folded
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

extension ONNXValue {
  /// The elements that are known.
  fileprivate var elementCount: Int {
    switch self {
    case .constant(let constant): constant.elements.count
    case .computed: 0
    case .sequence(let values): values.reduce(0) { $0 + $1.elementCount }
    }
  }
}
