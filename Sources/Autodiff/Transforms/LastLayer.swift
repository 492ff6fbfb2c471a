import TensorCore

extension Graph {
  /// The parameters of the last layer: the weight whose product with the data no other product
  /// follows, and what meets them after it, such as its bias.
  ///
  /// Several weights where the products of several end the network, such as heads that are added; the
  /// order in which they were written does not count. A parameter that is used at several places
  /// counts by the last of them.
  ///
  /// - Parameters:
  ///   - value: What is made of them and of the data.
  ///   - data: The inputs that are no parameters.
  public func lastLayer(
    of value: NodeID, parameters: [NodeID], data: [NodeID]
  ) -> Set<NodeID> {
    let isData = dependents(of: data, upTo: value)
    let needed = ancestors(of: [value])
    // The parameters that a value was made of before data came in.
    var sources: [NodeID: Set<NodeID>] = [:]
    for parameter in parameters { sources[parameter] = [parameter] }
    var meetings: [NodeID: Int] = [:]
    for index in 0...value.index where needed[index] {
      let own = nodes[index].operands.reduce(into: Set()) { $0.formUnion(sources[$1] ?? []) }
      if isData[index] {
        for parameter in own { meetings[parameter] = index }
      } else if !own.isEmpty {
        sources[NodeID(index: index)] = own
      }
    }
    let weights = meetings.filter { nodes[$0.value].primitive is MatMul }
    let places = Set((weights.isEmpty ? meetings : weights).values)
    let ends = places.filter { place in
      let follows = dependents(of: [NodeID(index: place)], upTo: value)
      return !places.contains { $0 != place && follows[$0] }
    }
    let counts = dependents(of: ends.map { NodeID(index: $0) }, upTo: value)
    return Set(meetings.filter { counts[$0.value] }.keys)
  }
}
