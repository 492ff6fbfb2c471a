import TensorCore
import Training

/// Gradients of a block of queries at points of a step's chord, left as factors.
///
/// For one thread at a time.
final class ChordGradients<Scalar: TensorScalar> {
  /// The gradients of some queries at one point.
  final class Node {
    /// One row for each of ``queries``.
    let rows: FactorRows<Scalar>
    /// Whose gradients they are.
    fileprivate(set) var queries: [Int] = []
    /// f of each query at the point, `[D]`.
    fileprivate(set) var values: [Double]
    /// ⟨∇f, Δ⟩ of each query for the chord Δ, `[D]`.
    var slopes: [Double]
    /// Inner products with the gradients of the step's items, where they are kept.
    var products: AlignedBuffer<Scalar>?
    /// ⟨∇f, θ⟩ of each query, `[D]`, where decay is integrated.
    var decays: [Double]
    /// The most queries that it holds.
    let capacity: Int
    /// What each query's gradient counts for in the integral, `[D]`.
    var weights: [Double]
    /// Whether it holds the whole block.
    let isWhole: Bool
    /// One place for each source; that of the inputs is shared by whole nodes.
    fileprivate let memory: [AlignedBuffer<Scalar>]

    fileprivate init(_ block: QueryBlock<Scalar>, count: Int) {
      isWhole = block.count == count
      capacity = block.count
      let factors = block.factors
      let isShared = factors.sources.map { [isWhole] in $0.output == nil && isWhole }
      let memory = zip(factors.sources, isShared).map { source, isShared in
        AlignedBuffer<Scalar>(
          isShared ? 0 : factors.batch * source.count, filledWith: 0)
      }
      self.memory = memory
      rows = FactorRows(
        base: zip(memory, isShared).map { $1 ? block.inputs : UnsafePointer($0.base) })
      values = [Double](repeating: 0, count: count)
      slopes = values
      weights = values
      decays = values
    }
  }

  let chord: Chord<Scalar>
  private let block: QueryBlock<Scalar>
  /// A smaller batch for points that matter to few queries.
  private let few: QueryBlock<Scalar>?
  private let everyone: [Int]
  private let dots: AlignedBuffer<Scalar>
  private let scratch: AlignedBuffer<Scalar>
  private var free: [Node] = []
  private var freeOfFew: [Node] = []

  init(_ block: QueryBlock<Scalar>, _ layout: ParameterLayout) {
    self.block = block
    few = block.few
    everyone = Array(0..<block.count)
    chord = Chord(layout)
    dots = AlignedBuffer(block.count, filledWith: 0)
    scratch = AlignedBuffer(block.factors.contractionScratch(1), filledWith: 0)
  }

  /// D, the queries of the block.
  var count: Int { block.count }

  /// The queries' inputs, `[D] + inputShape`: the rows of whole nodes.
  var inputs: UnsafePointer<Scalar> { block.inputs }

  /// Takes the gradients of some queries at least, at a share of the way from the state before the
  /// step to that after it.
  func node(at place: Double, for queries: [Int]) -> Node {
    if let few, queries.count <= few.count {
      let node = freeOfFew.popLast() ?? Node(few, count: count)
      few.load(queries.map { block.range.lowerBound + $0 })
      for (source, memory) in zip(few.factors.sources, node.memory) where source.output == nil {
        memory.base.update(from: few.inputs, count: memory.count)
      }
      run(few, queries, at: place, into: node)
      return node
    }
    let node = free.popLast() ?? Node(block, count: count)
    run(block, everyone, at: place, into: node)
    return node
  }

  private func run(
    _ block: QueryBlock<Scalar>, _ queries: [Int], at place: Double, into node: Node
  ) {
    node.queries = queries
    block.run(at: chord.parameters(at: place), into: node.memory.map(\.base))
    for (row, query) in queries.enumerated() { node.values[query] = block.value(row) }
  }

  /// ⟨∇f, direction⟩ of a node's queries.
  func takeProducts(_ node: Node, _ direction: Directions<Scalar>, into products: inout [Double]) {
    block.factors.contract(
      node.rows, count: node.queries.count, with: direction, into: dots.base, stride: 0,
      scratch: scratch.base)
    for (row, query) in node.queries.enumerated() { products[query] = Double(dots.base[row]) }
  }

  /// Gives back a node that is not used any more.
  func recycle(_ node: Node) {
    if node.isWhole { free.append(node) } else { freeOfFew.append(node) }
  }
}

/// What becomes of the integral of gradients along a chord.
protocol ChordIntegral<Scalar>: AnyObject {
  associatedtype Scalar: TensorScalar
  /// Takes ⟨∇f, Δ⟩ of a node's queries along the chord Δ of the current step.
  func takeSlopes(_ node: ChordGradients<Scalar>.Node)
  /// Adds the gradients of a node's queries times their weights.
  func add(_ node: ChordGradients<Scalar>.Node)
}
