import TensorCore

extension Graph {
  /// Adds a value of another graph, which is for one example, for B examples at once.
  ///
  /// Every node on the way that depends on a batched input gets an axis of B in front, so that
  /// examples cannot meet. What does not depend on one is added once for all.
  ///
  /// - Parameters:
  ///   - value: The value to add.
  ///   - single: The graph for one example.
  ///   - size: B.
  ///   - inputs: What stands here for the inputs of that graph: values `[B] + shape` for what
  ///     differs from example to example, of the same shape for what all share.
  /// - Returns: `[B] + shape` of the value.
  /// - Throws: ``GraphError`` where the graph is not for one example.
  /// - Precondition: Every input that the value needs is given, in one of the two shapes.
  public mutating func batched(
    _ value: NodeID, of single: Graph, size: Int, inputs: [NodeID: NodeID]
  ) throws(GraphError) -> NodeID {
    let needed = single.ancestors(of: [value])
    var places = inputs
    for index in 0...value.index where needed[index] {
      let id = NodeID(index: index)
      guard places[id] == nil else { continue }
      let node = single[id]
      precondition(
        !(node.primitive is Input) && !(node.primitive is IndexInput), "an input is not given")
      let operands = node.operands.map { places[$0] ?? $0 }
      let shapes = node.operands.map { single.shape($0) }
      if zip(operands, shapes).allSatisfy({ shape($0) == $1 }) {
        places[id] = try adding(node.primitive, operands)
      } else {
        places[id] = try node.primitive.batched(
          &self, operands: operands, single: shapes, result: node.shape, size: size)
      }
    }
    let place = places[value] ?? value
    return shape(place) == single.shape(value) ? copies(place, size: size) : place
  }
}
