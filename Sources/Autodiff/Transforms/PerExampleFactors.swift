import TensorCore

/// The factors of every parameter, and which parameters have no cheap form.
public struct PerExampleFactors: Sendable {
  /// In the order of their parameters.
  public let factors: [Factor]
  /// Parameters that are themselves computed with before they meet the data: their gradients are
  /// made example by example.
  public let expanded: [NodeID]
}

extension Graph {
  /// Adds the cotangents of each example's own loss and names the factors of every parameter.
  ///
  /// The gradients are of each example's loss as it stands: not divided by the batch size or the
  /// number of positions. Where a primitive has no cheap form for a parameter, the parameter gets an
  /// axis of B in front there, and the factor is the gradient by that copy.
  ///
  /// - Parameters:
  ///   - losses: `[B]`, where element b depends on example b alone.
  ///   - parameters: The parameters, none of which has a batch axis.
  ///   - data: The inputs whose first axis is the batch; what depends on them has it too.
  /// - Throws: ``GraphError/noFactors(parameter:primitive:)`` where a parameter meets data that has
  ///   no batch axis of its own.
  public mutating func perExampleFactors(
    of losses: NodeID, parameters: [NodeID], data: [NodeID]
  ) throws(GraphError) -> PerExampleFactors {
    guard shape(losses).rank == 1 else { throw .notPerExample(shape: shape(losses)) }
    let size = shape(losses)[0]
    let roots = parameterViews(parameters)
    let awkward = computedParameters(roots, in: losses, data: data)
    var losses = losses
    var copies: [NodeID: NodeID] = [:]
    if !awkward.isEmpty {
      (losses, copies) = try expanding(awkward, in: losses, size: size, data: data)
    }
    var factors: [Factor] = []
    var failure: GraphError?
    let cheap = parameters.filter { !awkward.contains($0) }
    let sources = Set(cheap)
    let isData = dataDependents(data, upTo: losses)
    let views = roots.keys.filter { sources.contains(roots[$0] ?? $0) }.sorted()
    let cotangents = reverseSweep(from: losses, to: views + copies.values.sorted(), seed: nil) {
      graph, node, operand, cotangent in
      guard let root = roots[graph[node].operands[operand]] else { return false }
      do throws(GraphError) {
        let factor = try graph.factor(node, operand, cotangent, size: size, isData: isData)
        factors.append(
          Factor(parameter: root, form: factor.form, cotangent: factor.cotangent))
      } catch {
        failure = error
      }
      return true
    }
    if let failure { throw failure }
    for (parameter, copy) in copies {
      guard let cotangent = cotangents[copy] else { continue }
      factors.append(Factor(parameter: parameter, form: .whole, cotangent: cotangent))
    }
    var order: [NodeID: Int] = [:]
    for (index, parameter) in parameters.enumerated() { order[parameter] = index }
    return PerExampleFactors(
      factors: factors.sorted {
        (order[$0.parameter] ?? 0, $0.cotangent) < (order[$1.parameter] ?? 0, $1.cotangent)
      },
      expanded: awkward.sorted())
  }

  /// Which nodes have a batch axis in front: what depends on the data or was copied for each example.
  private func dataDependents(_ data: [NodeID], upTo last: NodeID) -> [Bool] {
    let copied = nodes.indices.filter { (nodes[$0].primitive as? Broadcast)?.addsBatch ?? false }
    return dependents(of: data + copied.map { NodeID(index: $0) }, upTo: last)
  }

  /// The parameters and their reshapes, each with its parameter.
  private func parameterViews(_ parameters: [NodeID]) -> [NodeID: NodeID] {
    var roots: [NodeID: NodeID] = [:]
    for parameter in parameters { roots[parameter] = parameter }
    for index in nodes.indices where nodes[index].primitive is Reshape {
      if let root = roots[nodes[index].operands[0]] { roots[NodeID(index: index)] = root }
    }
    return roots
  }

  /// The parameters that something is computed from before data come in.
  private func computedParameters(
    _ roots: [NodeID: NodeID], in value: NodeID, data: [NodeID]
  ) -> Set<NodeID> {
    let isData = dataDependents(data, upTo: value)
    let needed = ancestors(of: [value])
    var upstream: [NodeID: Set<NodeID>] = [:]
    for (view, root) in roots { upstream[view] = [root] }
    var awkward: Set<NodeID> = []
    for index in 0...value.index where needed[index] && !isData[index] {
      let id = NodeID(index: index)
      guard upstream[id] == nil else { continue }
      let above = nodes[index].operands.reduce(into: Set<NodeID>()) {
        $0.formUnion(upstream[$1] ?? [])
      }
      if !above.isEmpty {
        upstream[id] = above
        awkward.formUnion(above)
      }
    }
    return awkward
  }

  /// Adds a value once more with copies `[B] + shape` of some parameters.
  private mutating func expanding(
    _ parameters: Set<NodeID>, in value: NodeID, size: Int, data: [NodeID]
  ) throws(GraphError) -> (value: NodeID, copies: [NodeID: NodeID]) {
    let isData = dataDependents(data, upTo: value)
    let needed = ancestors(of: [value])
    var copies: [NodeID: NodeID] = [:]
    var places: [NodeID: NodeID] = [:]
    for parameter in parameters.sorted() {
      let copy = self.copies(parameter, size: size)
      copies[parameter] = copy
      places[parameter] = copy
    }
    for index in 0...value.index where needed[index] {
      let id = NodeID(index: index)
      let node = self[id]
      guard places[id] == nil, node.operands.contains(where: { places[$0] != nil }) else {
        continue
      }
      places[id] = try batching(id, size: size, isData: isData) { places[$0] ?? $0 }
    }
    return (places[value] ?? value, copies)
  }

  /// Adds a node's primitive on operands some of which have a batch axis that they had not.
  private mutating func batching(
    _ id: NodeID, size: Int, isData: [Bool], operands place: (NodeID) -> NodeID
  ) throws(GraphError) -> NodeID {
    let node = self[id]
    // A copy for each example of what has the axis by now is that itself.
    if (node.primitive as? Broadcast)?.addsBatch ?? false { return place(node.operands[0]) }
    func single(_ id: NodeID) -> Shape {
      isData[id.index] ? shape(id).suffix(max(shape(id).rank - 1, 0)) : shape(id)
    }
    let shapes = node.operands.map(single)
    let hasBatch = ([id] + node.operands).allSatisfy {
      !isData[$0.index] || shape($0).extents.first == size
    }
    guard hasBatch, !(node.primitive is MatMul) || shapes.allSatisfy({ $0.rank >= 2 }) else {
      let parameter = node.operands.first { self[$0].primitive is Input && !isData[$0.index] }
      throw .noFactors(
        parameter: label(parameter ?? id), primitive: type(of: node.primitive).name)
    }
    return try node.primitive.batched(
      &self, operands: node.operands.map(place), single: shapes, result: single(id), size: size)
  }

  /// The factor of a parameter, or of a view of one, that is an operand of a node.
  private mutating func factor(
    _ id: NodeID, _ operand: Int, _ cotangent: NodeID, size: Int, isData: [Bool]
  ) throws(GraphError) -> Factor {
    let node = self[id]
    if let factor = node.primitive.factor(
      self, operands: node.operands, cotangent: cotangent, operand: operand, size: size)
    {
      return factor
    }
    let parameter = node.operands[operand]
    let whole = Shape([size]).appending(shape(parameter))
    if (node.primitive as? Binary)?.function == .add, shape(parameter) == [node.shape[-1]],
      node.shape.rank >= 2, node.shape[0] % size == 0
    {
      // A bias; positions may be folded into the first axis.
      let positions = node.shape.count / node.shape[-1] / size
      let rows = reshape(cotangent, to: [size, positions, node.shape[-1]])
      return Factor(
        parameter: parameter, form: .whole, cotangent: sum(rows, axes: [-2]))
    }
    let copy = self.copies(parameter, size: size)
    let batched = try batching(id, size: size, isData: isData) { $0 == parameter ? copy : $0 }
    let gradient = self[batched].primitive.vjp(
      &self, operands: self[batched].operands, result: batched, cotangent: cotangent,
      operand: operand)
    return Factor(
      parameter: parameter, form: .whole, cotangent: gradient ?? constant(0, whole))
  }

  private func label(_ id: NodeID) -> String { (self[id].primitive as? Input)?.label ?? "a value" }
}
