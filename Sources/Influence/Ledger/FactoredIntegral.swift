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

  /// Whom the gradients meet on the current step.
  private var partners: [Partners] = []
  /// Inner products of the queries' inputs with those of each partner, chunk by chunk.
  private var inputProducts: [AlignedBuffer<Scalar>] = []
  /// The parameters as the only direction where decay is to be integrated too.
  var decayed: Directions<Scalar>?
  /// ∫⟨∇f, θ⟩ of the current step, `[D]`.
  var decay: [Double]
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

  /// Begins a step.
  ///
  /// - Parameter partners: The batch's items, then strangers, who are the same on every step.
  func meet(_ partners: [Partners]) {
    self.partners = partners
    for (number, partner) in partners.enumerated()
    where number == 0 || number >= inputProducts.count {
      if number >= inputProducts.count {
        inputProducts.append(AlignedBuffer(gradients.count * partner.stride, filledWith: 0))
      }
      for part in partner.parts {
        products.multiplyInputs(
          gradients.inputs, gradients.count, partner.rows, part,
          into: inputProducts[number].base + gradients.count * part.lowerBound)
      }
    }
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func add(_ node: ChordGradients<Scalar>.Node) {
    let counting = node.queries.indices.filter { node.weights[node.queries[$0]] != 0 }
    guard let first = counting.first, let last = counting.last else { return }
    for (partner, inputProducts) in zip(partners, inputProducts) {
      for part in partner.parts {
        let known = inputProducts.base + gradients.count * part.lowerBound + first * part.count
        products.multiply(
          node.rows, first..<last + 1, partner.rows, part,
          inputProducts: node.isWhole ? UnsafePointer(known) : nil, into: dots.base,
          scratch: scratch.base)
        for row in counting {
          let query = node.queries[row]
          Scalar.axpy(
            part.count, Scalar(node.weights[query]), dots.base + (row - first) * part.count,
            partner.sums + query * partner.stride + part.lowerBound)
        }
      }
    }
    if let decayed {
      var along = decay
      gradients.takeProducts(node, decayed, into: &along)
      for query in node.queries { decay[query] += node.weights[query] * along[query] }
    }
  }
}
