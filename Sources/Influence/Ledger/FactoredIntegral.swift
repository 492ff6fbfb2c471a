import TensorCore
import Training

/// An integral of gradients that is met, not formed: for optimizers without state, whose steps meet
/// the items of one batch only.
///
/// What is added up are the inner products with the gradients of the batch's items and of strangers,
/// and with the parameters for the decay. ⟨g, g'⟩ of a linear map is (a · a' + 1)(δ · δ'), which
/// takes (I + O) instead of I · O products.
final class FactoredIntegral<Scalar: TensorScalar>: ChordIntegral {
  /// Items whose gradients are met, and where the inner products are added up.
  struct Partners {
    let rows: FactorRows<Scalar>
    let count: Int
    /// D rows, `stride` apart.
    let sums: UnsafeMutablePointer<Scalar>
    let stride: Int

    /// Chunks of the items.
    fileprivate var parts: [Range<Int>] {
      Swift.stride(from: 0, to: count, by: FactorProducts<Scalar>.chunk).map {
        $0..<min($0 + FactorProducts<Scalar>.chunk, count)
      }
    }
  }

  /// The items of the current step's batch.
  private var items: Partners?
  /// What the step moves the parameters by for each unit of each item's gradient, `[B]`; nil where
  /// it does not end where they lead to.
  private var moves: [Scalar]?
  /// Who would have been in the items' places.
  private var strangers: [Partners] = []
  /// Inner products of the queries' inputs with those of the items, chunk by chunk, then with those
  /// of the strangers.
  private var inputProducts: [AlignedBuffer<Scalar>] = []
  /// The parameters as the only direction where decay is to be integrated too, and what the step
  /// multiplies them by.
  private var decayed: (parameters: Directions<Scalar>, factor: Double)?
  /// ∫⟨∇f, θ⟩ of the current step, `[D]`.
  private(set) var decay: [Double]
  private let gradients: ChordGradients<Scalar>
  private let products: FactorProducts<Scalar>
  private let scratch: AlignedBuffer<Scalar>
  private let dots: AlignedBuffer<Scalar>

  init(_ gradients: ChordGradients<Scalar>, _ products: FactorProducts<Scalar>) {
    self.gradients = gradients
    self.products = products
    decay = [Double](repeating: 0, count: gradients.count)
    scratch = AlignedBuffer(products.scratchCount(gradients.count), filledWith: 0)
    dots = AlignedBuffer(gradients.count * FactorProducts<Scalar>.chunk, filledWith: 0)
  }

  /// Begins a step, θ' = θ + Σ move_i g_i + factor · θ.
  ///
  /// - Parameters:
  ///   - items: Those of the batch.
  ///   - moves: move_i of each of them; nil where the step ends elsewhere.
  ///   - strangers: They are the same on every step.
  ///   - decayed: θ and the factor; nil without decay.
  func meet(
    _ items: Partners, moves: [Scalar]?, strangers: [Partners],
    decayed: (parameters: Directions<Scalar>, factor: Double)?
  ) {
    (self.items, self.moves, self.strangers, self.decayed) = (items, moves, strangers, decayed)
    for query in decay.indices { decay[query] = 0 }
    for (number, partner) in ([items] + strangers).enumerated()
    where number == 0 || number >= inputProducts.count {
      if number >= inputProducts.count {
        inputProducts.append(AlignedBuffer(gradients.count * partner.count, filledWith: 0))
      }
      for part in partner.parts {
        products.multiplyInputs(
          gradients.inputs, gradients.count, partner.rows, part,
          into: inputProducts[number].base + gradients.count * part.lowerBound)
      }
    }
  }

  /// Inner products of some of a node's queries with a part of the partners of a number.
  private func multiply(
    _ node: ChordGradients<Scalar>.Node, _ rows: Range<Int>, _ number: Int, _ partner: Partners,
    _ part: Range<Int>, into target: UnsafeMutablePointer<Scalar>
  ) {
    let known =
      inputProducts[number].base + gradients.count * part.lowerBound + rows.lowerBound * part.count
    products.multiply(
      node.rows, rows, partner.rows, part,
      inputProducts: node.isWhole ? UnsafePointer(known) : nil, into: target, scratch: scratch.base)
  }

  /// The step moves along its items' gradients, so that the slope is a sum of inner products with
  /// them, which the integral is made of too.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func takeSlopes(_ node: ChordGradients<Scalar>.Node) {
    guard let items else { return }
    let count = node.queries.count
    let kept =
      node.products ?? AlignedBuffer(node.capacity * items.stride, filledWith: 0)
    node.products = kept
    for query in node.queries { node.slopes[query] = 0 }
    for part in items.parts {
      let dots = kept.base + count * part.lowerBound
      multiply(node, 0..<count, 0, items, part, into: dots)
      moves?.withUnsafeBufferPointer { moves in
        guard let moves = moves.baseAddress else { return }
        for (row, query) in node.queries.enumerated() {
          node.slopes[query] += Double(
            Scalar.dot(part.count, dots + row * part.count, moves + part.lowerBound))
        }
      }
    }
    if let decayed {
      gradients.takeProducts(node, decayed.parameters, into: &node.decays)
      for query in node.queries { node.slopes[query] += decayed.factor * node.decays[query] }
    }
    if moves == nil { gradients.takeProducts(node, gradients.chord.direction, into: &node.slopes) }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func add(_ node: ChordGradients<Scalar>.Node) {
    let counting = node.queries.indices.filter { node.weights[node.queries[$0]] != 0 }
    guard let first = counting.first, let last = counting.last, let items else { return }
    if let kept = node.products {
      for part in items.parts {
        let dots = kept.base + node.queries.count * part.lowerBound
        for row in counting { add(node, row, dots + row * part.count, items, part) }
      }
    }
    for (number, partner) in strangers.enumerated() {
      for part in partner.parts {
        multiply(node, first..<last + 1, number + 1, partner, part, into: dots.base)
        for row in counting {
          add(node, row, dots.base + (row - first) * part.count, partner, part)
        }
      }
    }
    if decayed != nil {
      for query in node.queries { decay[query] += node.weights[query] * node.decays[query] }
    }
  }

  /// Adds one query's inner products with a part of some partners to their sums.
  @inline(__always)
  private func add(
    _ node: ChordGradients<Scalar>.Node, _ row: Int, _ dots: UnsafePointer<Scalar>,
    _ partner: Partners, _ part: Range<Int>
  ) {
    let query = node.queries[row]
    Scalar.axpy(
      part.count, Scalar(node.weights[query]), dots,
      partner.sums + query * partner.stride + part.lowerBound)
  }
}
