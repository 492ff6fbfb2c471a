import TensorCore

extension Graph {
  /// Adds the directional derivatives of some values, by forward mode.
  ///
  /// - Parameters:
  ///   - outputs: The values to differentiate.
  ///   - directions: Pairs of a value and its tangent. A tangent has the shape of its value, or one
  ///     axis D more in front: D directions at once. All tangents have the same axes in front.
  /// - Returns: One tangent per output, nil where it is zero.
  public mutating func jvp(
    of outputs: [NodeID], along directions: [(value: NodeID, tangent: NodeID)]
  ) -> [NodeID?] {
    guard let last = outputs.max() else { return [] }
    let depends = dependents(of: directions.map(\.value), upTo: last)
    var tangents: [NodeID: NodeID] = [:]
    for (value, tangent) in directions { tangents[value] = tangent }
    let needed = ancestors(of: outputs)
    for index in 0...last.index where depends[index] && needed[index] {
      let id = NodeID(index: index)
      if tangents[id] != nil { continue }
      let node = self[id]
      let parts = node.operands.map { tangents[$0] }
      if parts.contains(where: { $0 != nil }) {
        tangents[id] = node.primitive.jvp(
          &self, operands: node.operands, result: id, tangents: parts)
      }
    }
    return outputs.map { tangents[$0] }
  }

  /// Which nodes some values are computed from, themselves included.
  func ancestors(of outputs: [NodeID]) -> [Bool] {
    var needed = [Bool](repeating: false, count: nodes.count)
    for output in outputs { needed[output.index] = true }
    for index in nodes.indices.reversed() where needed[index] {
      for operand in nodes[index].operands { needed[operand.index] = true }
    }
    return needed
  }
}
