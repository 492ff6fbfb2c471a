import TensorCore

extension Graph {
  /// The floating-point operations that some values take, about: two for each multiplication of a
  /// product, one for each element of anything else.
  public func operations(of outputs: [NodeID]) -> Double {
    zip(nodes, ancestors(of: outputs)).reduce(0) { sum, entry in
      let (node, isNeeded) = entry
      guard isNeeded, !node.operands.isEmpty, !(node.primitive is Reshape) else { return sum }
      guard let product = node.primitive as? MatMul else { return sum + Double(node.shape.count) }
      let left = shape(node.operands[0])
      return sum + 2 * Double(node.shape.count) * Double(left[product.transposeA ? -2 : -1])
    }
  }
}
