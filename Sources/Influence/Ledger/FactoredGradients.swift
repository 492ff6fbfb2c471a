import TensorCore
import Training

/// Gradients left as factors: for optimizers without state, whose steps meet the items of one batch
/// only.
///
/// What is integrated are the inner products with the gradients of the batch's items and of
/// strangers, and with the parameters for the decay; no gradient is formed. ⟨g, g'⟩ of a linear map
/// is (a · a' + 1)(δ · δ'), which takes (I + O) instead of I · O products.
final class FactoredGradients<Scalar: TensorScalar>: ChordIntegrand {
  final class Node {
    /// One place for each source; those of the inputs are shared.
    let memory: [AlignedBuffer<Scalar>]
    let rows: FactorRows<Scalar>
    var values: [Double]
    var slopes: [Double]

    init(_ factors: GradientFactors<Scalar>, inputs: UnsafePointer<Scalar>) {
      let memory = factors.sources.map { source in
        AlignedBuffer<Scalar>(
          source.output == nil ? 0 : factors.batch * source.positions * source.width, filledWith: 0)
      }
      self.memory = memory
      rows = FactorRows(
        base: zip(factors.sources, memory).map {
          $0.output == nil ? inputs : UnsafePointer($1.base)
        })
      values = [Double](repeating: 0, count: factors.batch)
      slopes = values
    }
  }

  /// Items whose gradients are met, and where the inner products are added up.
  struct Partners {
    let rows: FactorRows<Scalar>
    let count: Int
    /// D rows, `stride` apart.
    let sums: UnsafeMutablePointer<Scalar>
    let stride: Int
  }

  let chord: Chord<Scalar>
  /// Whom the gradients meet on the current step.
  var partners: [Partners] = []
  /// The parameters as the only direction where decay is to be integrated too.
  var decayed: Directions<Scalar>?
  /// ∫⟨∇f, θ⟩ of the current step, `[D]`.
  var decay: [Double]
  private let queries: QueryBlock<Scalar>
  private let products: FactorProducts<Scalar>
  private let scratch: AlignedBuffer<Scalar>
  private let dots: AlignedBuffer<Scalar>
  private var free: [Node] = []

  init(_ queries: QueryBlock<Scalar>, _ products: FactorProducts<Scalar>, _ layout: ParameterLayout)
  {
    self.queries = queries
    self.products = products
    chord = Chord(layout)
    decay = [Double](repeating: 0, count: queries.count)
    scratch = AlignedBuffer(
      max(queries.factors.contractionScratch(1), products.scratchCount(queries.count)),
      filledWith: 0)
    dots = AlignedBuffer(queries.count * FactorProducts<Scalar>.chunk, filledWith: 0)
  }

  var count: Int { queries.count }

  func node(at place: Double) -> Node {
    let node = free.popLast() ?? Node(queries.factors, inputs: queries.inputs)
    queries.run(at: chord.parameters(at: place), into: node.memory.map(\.base))
    for query in 0..<count { node.values[query] = queries.value(query) }
    takeSlopes(node)
    return node
  }

  func takeSlopes(_ node: Node) { take(node, chord.direction, into: &node.slopes) }

  private func take(_ node: Node, _ direction: Directions<Scalar>, into values: inout [Double]) {
    queries.factors.contract(
      node.rows, count: count, with: direction, into: dots.base, stride: count,
      scratch: scratch.base)
    for query in 0..<count { values[query] = Double(dots.base[query]) }
  }

  func recycle(_ node: Node) { free.append(node) }
  func value(_ node: Node, _ query: Int) -> Double { node.values[query] }
  func slope(_ node: Node, _ query: Int) -> Double { node.slopes[query] }

  func add(_ node: Node, weight: Double, of queries: [Int]) {
    for partners in partners {
      for start in stride(from: 0, to: partners.count, by: FactorProducts<Scalar>.chunk) {
        let part = min(FactorProducts<Scalar>.chunk, partners.count - start)
        products.multiply(
          node.rows, count, partners.rows, start..<start + part, into: dots.base,
          scratch: scratch.base)
        for query in queries {
          Scalar.axpy(
            part, Scalar(weight), dots.base + query * part,
            partners.sums + query * partners.stride + start)
        }
      }
    }
    if let decayed {
      var along = decay
      take(node, decayed, into: &along)
      for query in queries { decay[query] += weight * along[query] }
    }
  }
}
