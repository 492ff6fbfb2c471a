public import TensorCore

/// A graph compiled for execution: an order, places in memory, fused chains.
///
/// A plan is immutable and may be shared; each thread runs it on a ``Workspace`` of its own. Running
/// allocates nothing. The bits of the result do not depend on the pool.
public struct Plan<Scalar: TensorScalar>: Sendable {
  enum Step: Sendable {
    case kernel(Kernel<Scalar>, slots: Int, result: Int)
    case chain(FusedChain<Scalar>)
  }

  let steps: [Step]
  /// Slots of the operands of all kernels, one after another.
  let slotList: [Int]
  /// Where each slot starts in the arena; nil for what the caller binds.
  let places: [Int?]
  let arenaCount: Int
  let scratchCount: Int
  let constants: [(slot: Int, elements: RepeatedElements)]
  private let inputs: [String: (slot: Int, shape: Shape)]
  private let indexInputs: [String: (slot: Int, shape: Shape)]
  private let outputSlots: [Int]
  /// The shapes of the outputs.
  public let outputShapes: [Shape]

  /// Compiles what these outputs need.
  ///
  /// - Complexity: linear in the nodes; milliseconds for small networks.
  public init(_ graph: Graph, outputs: [NodeID]) {
    self = PlanCompiler<Scalar>(graph, outputs: outputs).plan()
  }

  init(
    steps: [Step], slotList: [Int], places: [Int?], arenaCount: Int, scratchCount: Int,
    constants: [(slot: Int, elements: RepeatedElements)],
    inputs: [String: (slot: Int, shape: Shape)],
    indexInputs: [String: (slot: Int, shape: Shape)], outputSlots: [Int], outputShapes: [Shape]
  ) {
    self.steps = steps
    self.slotList = slotList
    self.places = places
    self.arenaCount = arenaCount
    self.scratchCount = scratchCount
    self.constants = constants
    self.inputs = inputs
    self.indexInputs = indexInputs
    self.outputSlots = outputSlots
    self.outputShapes = outputShapes
  }

  /// Memory to run in; for one thread at a time.
  public func makeWorkspace() -> Workspace<Scalar> { Workspace(self) }

  /// The elements of memory that a workspace takes.
  public var workspaceCount: Int { arenaCount + scratchCount }

  /// The slot of an input by its label; nil where the outputs do not need it.
  public func input(_ label: String) -> InputSlot? {
    inputs[label].map { InputSlot(slot: $0.slot, count: $0.shape.count) }
  }

  /// The slot of an index input by its label; nil where the outputs do not need it.
  public func indexInput(_ label: String) -> InputSlot? {
    indexInputs[label].map { InputSlot(slot: $0.slot, count: $0.shape.count) }
  }

  /// The labels of the inputs that the outputs need.
  public var inputLabels: [String] { inputs.keys.sorted() }

  func outputSlot(_ output: Int) -> Int { outputSlots[output] }

  /// Computes the outputs from what is bound.
  ///
  /// - Parameters:
  ///   - workspace: Memory made by this plan, with every input bound.
  ///   - pool: Threads that large products share; nil for none.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func run(_ workspace: Workspace<Scalar>, pool: WorkerPool? = nil) {
    workspace.checkBound()
    let (table, indexTable) = (UnsafePointer(workspace.table), UnsafePointer(workspace.indexTable))
    for step in steps {
      switch step {
      case .kernel(let kernel, let slots, let result):
        kernel(
          Operands(
            table: table, indexTable: indexTable, slots: workspace.slots + slots,
            resultSlot: result, pool: pool))
      case .chain(let chain):
        chain.run(table, workspace.scratch)
      }
    }
  }
}

/// The elements of a constant array, which may all be the same.
struct RepeatedElements: Sendable {
  /// The elements, or the one that is repeated.
  let elements: [Double]
  /// How many there are.
  let count: Int

  func fill<Scalar: TensorScalar>(_ memory: UnsafeMutablePointer<Scalar>) {
    if elements.count == 1 {
      memory.update(repeating: Scalar(elements[0]), count: count)
    } else {
      for (index, element) in elements.enumerated() { memory[index] = Scalar(element) }
    }
  }
}

/// Where an input is bound.
public struct InputSlot: Sendable {
  let slot: Int
  /// The number of elements expected.
  public let count: Int
}
