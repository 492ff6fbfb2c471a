public import TensorCore

/// A value in a ``Graph``: the result of one of its nodes.
public struct NodeID: Hashable, Sendable, Comparable {
  /// The position in ``Graph/nodes``.
  public let index: Int

  /// The node at a position.
  public init(index: Int) { self.index = index }

  /// Nodes compare in the order they were added, which is a topological order.
  public static func < (a: NodeID, b: NodeID) -> Bool { a.index < b.index }
}

/// A static graph of primitive operations on dense arrays of fixed shapes.
///
/// Nodes are added in topological order; adding the same primitive on the same operands twice gives
/// the same node. Differentiating a graph (``Graph/gradient(of:withRespectTo:seed:)``,
/// ``Graph/jvp(of:along:)``) adds more nodes of the same primitives, so derivatives of any order are
/// graphs too. ``Plan`` runs a graph.
public struct Graph: Sendable {
  /// One operation and its operands.
  public struct Node: Sendable {
    /// What is computed.
    public let primitive: any Primitive
    /// From which values.
    public let operands: [NodeID]
    /// The shape of the result.
    public let shape: Shape
  }

  /// Unchecked only because `AnyHashable` hides that primitives are Sendable.
  private struct Key: Hashable, @unchecked Sendable {
    let primitive: AnyHashable
    let operands: [NodeID]
  }

  /// The nodes; operands come before the nodes that use them.
  public private(set) var nodes: [Node] = []
  private var known: [Key: NodeID] = [:]

  /// An empty graph.
  public init() {}

  /// The shape of a value.
  public func shape(_ id: NodeID) -> Shape { nodes[id.index].shape }

  /// The node that makes a value.
  public subscript(id: NodeID) -> Node { nodes[id.index] }

  /// Adds a primitive on these operands, or finds it where it stands already.
  ///
  /// - Throws: ``GraphError/shapes(primitive:operands:expected:)``.
  public mutating func adding(
    _ primitive: some Primitive, _ operands: [NodeID]
  ) throws(GraphError) -> NodeID {
    let key = Key(primitive: AnyHashable(primitive), operands: operands)
    if let id = known[key] { return id }
    let shape = try primitive.shape(of: operands.map { self.shape($0) })
    let id = NodeID(index: nodes.count)
    nodes.append(Node(primitive: primitive, operands: operands, shape: shape))
    known[key] = id
    return id
  }

  /// Adds a primitive whose operands are known to fit.
  ///
  /// - Precondition: The shapes fit; the message names them.
  public mutating func add(_ primitive: some Primitive, _ operands: NodeID...) -> NodeID {
    do {
      return try adding(primitive, operands)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Makes inputs, bound when the graph runs, of some values that would be computed.
  ///
  /// - Parameter label: The label of the new input for a node, nil for a node that stays.
  public mutating func makeInputs(_ label: (Node) -> String?) {
    for index in nodes.indices {
      guard let label = label(nodes[index]) else { continue }
      let shape = nodes[index].shape
      nodes[index] = Node(primitive: Input(label: label, shape: shape), operands: [], shape: shape)
    }
  }

  /// Which nodes depend on any of these values, themselves included.
  func dependents(of sources: [NodeID], upTo last: NodeID) -> [Bool] {
    var depends = [Bool](repeating: false, count: last.index + 1)
    for source in sources where source <= last { depends[source.index] = true }
    for index in 0...last.index where !depends[index] {
      depends[index] = nodes[index].operands.contains { depends[$0.index] }
    }
    return depends
  }
}
