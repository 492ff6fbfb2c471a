import TensorCore

extension Graph {
  /// Adds the gradients of Σ seed · y with respect to some values, by reverse mode.
  ///
  /// - Parameters:
  ///   - y: The value to differentiate, of any shape.
  ///   - sources: The values to differentiate by.
  ///   - seed: The cotangent of y, ones where nil.
  /// - Returns: One node per source, of its shape; zeros where y does not depend on it. A source
  ///   that another one is computed from has its part through that one too.
  /// - Complexity: At most about three times the operations of y.
  public mutating func gradient(
    of y: NodeID, withRespectTo sources: [NodeID], seed: NodeID? = nil
  ) -> [NodeID] {
    let cotangents = reverseSweep(from: y, to: sources, seed: seed) { _, _, _, _ in false }
    return sources.map { cotangents[$0] ?? constant(0, shape($0)) }
  }

  /// Reverse accumulation from y towards the sources.
  ///
  /// `intercept` sees each pair of node and operand on the way that is itself a source; where it
  /// returns true, no cotangent is made for that operand.
  mutating func reverseSweep(
    from y: NodeID, to sources: [NodeID], seed: NodeID?,
    intercept: (_ graph: inout Graph, _ node: NodeID, _ operand: Int, _ cotangent: NodeID) -> Bool
  ) -> [NodeID: NodeID] {
    let depends = dependents(of: sources, upTo: y)
    let isSource = Set(sources)
    var cotangents: [NodeID: NodeID] = [:]
    guard depends[y.index] else { return cotangents }
    cotangents[y] = seed ?? constant(1, shape(y))
    for index in (0...y.index).reversed() {
      let id = NodeID(index: index)
      guard depends[index], let cotangent = cotangents[id] else { continue }
      let node = self[id]
      for (operand, value) in node.operands.enumerated() where depends[value.index] {
        if isSource.contains(value), intercept(&self, id, operand, cotangent) { continue }
        guard
          let part = node.primitive.vjp(
            &self, operands: node.operands, result: id, cotangent: cotangent, operand: operand)
        else { continue }
        cotangents[value] = cotangents[value].map { add($0, part) } ?? part
      }
    }
    return cotangents
  }
}
