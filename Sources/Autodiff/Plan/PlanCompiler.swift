import TensorCore

/// Turns a graph into a ``Plan``: what is needed, in which order, where in memory, what is fused.
struct PlanCompiler<Scalar: TensorScalar> {
  private typealias Chain = FusedChain<Scalar>

  private let graph: Graph
  private let outputs: [NodeID]
  private let needed: [Bool]
  /// The slot of each node; a reshape has its operand's.
  private var slots: [NodeID: Int] = [:]
  private var slotCount = 0

  /// One step before memory is placed: its nodes, in order.
  private struct Group {
    var nodes: [NodeID]
    /// Where the shape of a chain is cut into axes.
    var cuts: Set<Int> = []
    var isChain: Bool
  }

  init(_ graph: Graph, outputs: [NodeID]) {
    var graph = graph
    // Every output owns its memory: leaves, reshapes and repeats are copied.
    var owners: Set<NodeID> = []
    self.outputs = outputs.enumerated().map { position, id in
      let isOwn = !(graph[id].primitive is any Leaf) && !(graph[id].primitive is Reshape)
      if isOwn, owners.insert(id).inserted { return id }
      return graph.add(OutputCopy(position: position), id)
    }
    self.graph = graph
    needed = graph.ancestors(of: self.outputs)
  }

  /// The node whose memory a node's value lies in.
  private func root(_ id: NodeID) -> NodeID {
    var id = id
    while graph[id].primitive is Reshape { id = graph[id].operands[0] }
    return id
  }

  private func slot(_ id: NodeID) -> Int { slots[root(id)] ?? 0 }

  func plan() -> Plan<Scalar> {
    var copy = self
    return copy.compile()
  }

  private mutating func compile() -> Plan<Scalar> {
    var inputs: [String: (slot: Int, shape: Shape)] = [:]
    var indexInputs: [String: (slot: Int, shape: Shape)] = [:]
    var constantNodes: [(id: NodeID, elements: RepeatedElements)] = []
    var bound: Set<Int> = []
    var work: [NodeID] = []
    for index in graph.nodes.indices where needed[index] {
      let id = NodeID(index: index)
      let node = graph[id]
      if node.primitive is Reshape { continue }
      slots[id] = slotCount
      switch node.primitive {
      case let input as Input:
        inputs[input.label] = (slotCount, input.shape)
        bound.insert(slotCount)
      case let input as IndexInput:
        indexInputs[input.label] = (slotCount, input.shape)
        bound.insert(slotCount)
      case let constant as Constant:
        constantNodes.append(
          (id, RepeatedElements(elements: [constant.value], count: constant.shape.count)))
      case let literal as Literal:
        constantNodes.append(
          (id, RepeatedElements(elements: literal.elements, count: literal.shape.count)))
      default: work.append(id)
      }
      slotCount += 1
    }
    let groups = fuse(work)
    let (places, arenaCount, inScratch) = place(groups, constants: constantNodes.map(\.id), bound)
    var slotList: [Int] = []
    var scratchCount = 0
    let steps = groups.map { group -> Plan<Scalar>.Step in
      if group.isChain {
        let chain = chain(group, inScratch)
        scratchCount = max(scratchCount, chain.scratchCount)
        return .chain(chain)
      }
      let id = group.nodes[0]
      let node = graph[id]
      let start = slotList.count
      slotList += node.operands.map { slot($0) }
      let kernel = node.primitive.kernel(
        node.operands.map { graph.shape($0) }, node.shape, Scalar.self)
      return .kernel(kernel, slots: start, result: slot(id))
    }
    return Plan(
      steps: steps, slotList: slotList, places: places, arenaCount: arenaCount,
      scratchCount: scratchCount,
      constants: constantNodes.map { (slot($0.id), $0.elements) },
      inputs: inputs, indexInputs: indexInputs, outputSlots: outputs.map { slot($0) },
      outputShapes: outputs.map { graph.shape($0) })
  }

  // MARK: Fusion

  /// Groups maximal runs of elementwise nodes of one shape.
  private func fuse(_ work: [NodeID]) -> [Group] {
    var groups: [Group] = []
    for id in work {
      guard let cuts = chainCuts(id) else {
        groups.append(Group(nodes: [id], isChain: false))
        continue
      }
      if let last = groups.last, last.isChain, graph.shape(last.nodes[0]) == graph.shape(id),
        cuts.union(last.cuts).count <= 2
      {
        groups[groups.count - 1].nodes.append(id)
        groups[groups.count - 1].cuts.formUnion(cuts)
      } else {
        groups.append(Group(nodes: [id], cuts: cuts, isChain: true))
      }
    }
    return groups
  }

  /// Where a node needs its shape cut as part of a chain; nil where it cannot be one.
  private func chainCuts(_ id: NodeID) -> Set<Int>? {
    let node = graph[id]
    guard node.primitive.elementwise != nil else { return nil }
    let cuts = node.operands.reduce(into: Set<Int>()) {
      $0.formUnion(Autodiff.chainCuts(graph.shape($1), node.shape))
    }
    return cuts.count <= 2 ? cuts : nil
  }

  private func chain(_ group: Group, _ inScratch: [NodeID: Int]) -> Chain {
    let shape = graph.shape(group.nodes[0])
    let axes = ChainAxes(shape, cuts: group.cuts.sorted())
    let operand = { (id: NodeID) -> Chain.Operand in
      let (outer, strides) = axes.strides(graph.shape(id))
      let chunk = inScratch[root(id)]
      return Chain.Operand(
        index: chunk ?? slot(id), isScratch: chunk != nil, outer: outer, strides: strides)
    }
    var chunks = 0
    let operations = group.nodes.compactMap { id -> Chain.Operation? in
      let node = graph[id]
      guard let function = node.primitive.elementwise else { return nil }
      var (scale, offset) = (1.0, 0.0)
      if case .affine(let s, let o) = function { (scale, offset) = (s, o) }
      if let chunk = inScratch[id] { chunks = max(chunks, chunk + 1) }
      let x = operand(node.operands[0])
      return Chain.Operation(
        function: function, scale: Scalar(scale), offset: Scalar(offset), x: x,
        y: node.operands.count > 1 ? operand(node.operands[1]) : x, result: operand(id))
    }
    return Chain(operations, axes, scratchChunks: chunks)
  }

  // MARK: Memory

  /// Places values in the arena; values that only their own chain reads get a scratch chunk.
  private func place(
    _ groups: [Group], constants: [NodeID], _ bound: Set<Int>
  ) -> (places: [Int?], arenaCount: Int, inScratch: [NodeID: Int]) {
    var lastUse: [NodeID: Int] = [:]
    var firstGroup: [NodeID: Int] = [:]
    for (number, group) in groups.enumerated() {
      for id in group.nodes {
        firstGroup[id] = number
        lastUse[id] = number
        for operand in graph[id].operands { lastUse[root(operand)] = number }
      }
    }
    for output in outputs { lastUse[root(output)] = groups.count }
    var inScratch: [NodeID: Int] = [:]
    for (number, group) in groups.enumerated() where group.isChain {
      var chunk = 0
      // What a later node of the chain reads under another shape needs memory.
      var reshaped: Set<NodeID> = []
      for id in group.nodes {
        for operand in graph[id].operands where graph[operand].primitive is Reshape {
          reshaped.insert(root(operand))
        }
      }
      for id in group.nodes where lastUse[id] == number && !reshaped.contains(id) {
        inScratch[id] = chunk
        chunk += 1
      }
    }
    var allocation = BufferAllocation()
    var places = [Int?](repeating: 0, count: slotCount)
    for slot in bound { places[slot] = nil }
    for id in constants { places[slot(id)] = allocation.take(graph.shape(id).count) }
    var dying: [Int: [NodeID]] = [:]
    for (id, group) in lastUse where firstGroup[id] != nil { dying[group, default: []].append(id) }
    for (number, group) in groups.enumerated() {
      for id in group.nodes where inScratch[id] == nil {
        places[slot(id)] = allocation.take(graph.shape(id).count)
      }
      for id in (dying[number] ?? []).sorted() where inScratch[id] == nil {
        allocation.give(places[slot(id)] ?? 0, graph.shape(id).count)
      }
    }
    return (places, allocation.size, inScratch)
  }
}

/// A copy that gives an output memory of its own.
private struct OutputCopy: Primitive {
  static let name = "output-copy"
  static let examples: [PrimitiveExample] = []
  let position: Int

  func shape(of operands: [Shape]) -> Shape { operands[0] }

  func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? { tangents[0] }

  func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? { cotangent }

  func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    let count = result.count
    return { $0.result.update(from: $0[0], count: count) }
  }
}
