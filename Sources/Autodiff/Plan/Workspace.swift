public import TensorCore

/// The memory of one running ``Plan``: its arena, and pointers to what the caller bound.
///
/// For one thread at a time. Bound memory must outlive the runs that read it.
public final class Workspace<Scalar: TensorScalar>: @unchecked Sendable {
  let table: UnsafeMutablePointer<UnsafeMutablePointer<Scalar>>
  let indexTable: UnsafeMutablePointer<UnsafePointer<Int32>>
  let slots: UnsafeMutablePointer<Int>
  let scratch: UnsafeMutablePointer<Scalar>
  private let arena: AlignedBuffer<Scalar>
  private let scratchMemory: AlignedBuffer<Scalar>
  private let plan: Plan<Scalar>
  private var unbound: Set<Int>
  private var owned: [Int: UnsafeMutableRawPointer] = [:]

  init(_ plan: Plan<Scalar>) {
    self.plan = plan
    let count = plan.places.count
    arena = AlignedBuffer(plan.arenaCount, filledWith: 0)
    scratchMemory = AlignedBuffer(plan.scratchCount, filledWith: 0)
    scratch = scratchMemory.base
    table = .allocate(capacity: max(count, 1))
    indexTable = .allocate(capacity: max(count, 1))
    slots = .allocate(capacity: max(plan.slotList.count, 1))
    slots.initialize(from: plan.slotList, count: plan.slotList.count)
    unbound = []
    let noIndices = UnsafePointer(UnsafeMutablePointer<Int32>.allocate(capacity: 1))
    owned[-1] = UnsafeMutableRawPointer(mutating: noIndices)
    for (slot, place) in plan.places.enumerated() {
      table[slot] = arena.base + (place ?? 0)
      indexTable[slot] = noIndices
      if place == nil { unbound.insert(slot) }
    }
    for constant in plan.constants {
      constant.elements.fill(table[constant.slot])
    }
  }

  deinit {
    for memory in owned.values { memory.deallocate() }
    table.deallocate()
    indexTable.deallocate()
    slots.deallocate()
  }

  func checkBound() {
    precondition(unbound.isEmpty, "an input of the plan is not bound: \(unboundLabels)")
  }

  private var unboundLabels: [String] {
    plan.inputLabels.filter { plan.input($0).map { unbound.contains($0.slot) } ?? false }
  }

  /// Reads an input from the caller's memory.
  public func bind(_ input: InputSlot, to memory: UnsafePointer<Scalar>) {
    table[input.slot] = UnsafeMutablePointer(mutating: memory)
    unbound.remove(input.slot)
  }

  /// Reads an index input from the caller's memory.
  public func bind(_ input: InputSlot, to memory: UnsafePointer<Int32>) {
    indexTable[input.slot] = memory
    unbound.remove(input.slot)
  }

  /// Copies a tensor into an input; labels that the plan does not need are ignored.
  ///
  /// - Precondition: The number of elements is the input's.
  public func set(_ label: String, _ tensor: Tensor<Scalar>) {
    guard let input = plan.input(label) else { return }
    precondition(input.count == tensor.count, "\(label) has \(tensor.count) of \(input.count)")
    let memory: UnsafeMutablePointer<Scalar> = own(input.slot, tensor.count)
    memory.update(from: tensor.scalars, count: tensor.count)
    bind(input, to: UnsafePointer(memory))
  }

  /// Copies indices into an index input; labels that the plan does not need are ignored.
  ///
  /// - Precondition: The number of elements is the input's.
  public func set(_ label: String, indices: [Int32]) {
    guard let input = plan.indexInput(label) else { return }
    precondition(input.count == indices.count, "\(label) has \(indices.count) of \(input.count)")
    let memory: UnsafeMutablePointer<Int32> = own(input.slot, indices.count)
    memory.update(from: indices, count: indices.count)
    bind(input, to: UnsafePointer(memory))
  }

  private func own<Element>(_ slot: Int, _ count: Int) -> UnsafeMutablePointer<Element> {
    owned[slot]?.deallocate()
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(count, 1))
    owned[slot] = UnsafeMutableRawPointer(memory)
    return memory
  }

  /// Writes an output to the caller's memory instead of the arena.
  public func bind(output: Int, to memory: UnsafeMutablePointer<Scalar>) {
    table[plan.outputSlot(output)] = memory
  }

  /// The elements of an output after a run.
  public func output(_ output: Int) -> UnsafeBufferPointer<Scalar> {
    UnsafeBufferPointer(
      start: table[plan.outputSlot(output)], count: plan.outputShapes[output].count)
  }

  /// A copy of an output after a run.
  public func tensor(_ output: Int) -> Tensor<Scalar> {
    Tensor(plan.outputShapes[output], Array(self.output(output)))
  }
}
