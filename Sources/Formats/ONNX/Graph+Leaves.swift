import Autodiff

extension Graph {
  /// The leaves that a value is computed from.
  func leaves(of value: NodeID) -> Set<NodeID> { leaves(of: value) { self[$0].operands } }

  /// The leaves by which a value can have a derivative that is not zero everywhere.
  func differentiableLeaves(of value: NodeID) -> Set<NodeID> {
    // The rules are asked on a copy, which is thrown away.
    var copy = self
    return leaves(of: value) { id in
      let node = self[id]
      let cotangent = copy.input("cotangent", node.shape)
      return node.operands.indices.filter { operand in
        node.primitive.vjp(
          &copy, operands: node.operands, result: id, cotangent: cotangent, operand: operand) != nil
      }.map { node.operands[$0] }
    }
  }

  private func leaves(of value: NodeID, _ next: (NodeID) -> [NodeID]) -> Set<NodeID> {
    var (reached, found): (Set<NodeID>, Set<NodeID>) = ([value], [])
    var open = [value]
    while let id = open.popLast() {
      if self[id].operands.isEmpty { found.insert(id) }
      for operand in next(id) where reached.insert(operand).inserted { open.append(operand) }
    }
    return found
  }
}
