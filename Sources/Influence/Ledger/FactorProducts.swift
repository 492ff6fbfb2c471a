import TensorCore
import Training

/// Inner products of gradients that are given as factors, all pairs of two batches.
struct FactorProducts<Scalar: TensorScalar>: Sendable {
  /// One parameter and the bias beside it, if there is one: (x · x' + plus)(y · y').
  private struct Term: Sendable {
    /// Nil for a bias alone.
    var x: Int?
    var plus: Scalar = 0
    let y: Int
  }

  private let sources: [FactorSource]
  private let terms: [Term]
  /// The sources that occur in the terms.
  private let used: [Int]

  /// The source that is the items' own inputs, where it occurs.
  private var inputs: Int? { used.first { sources[$0].output == nil } }

  /// Items multiplied at once.
  static var chunk: Int { 64 }

  /// Nil where a parameter meets the data at more than one place or position: then the sum of its
  /// products is not the product of its sums.
  init?(_ factors: GradientFactors<Scalar>) {
    let names = factors.uses.map(\.entry.name)
    let rankOne = factors.uses.map(\.rankOne)
    func isWhole(_ use: FactorUse) -> Bool { if case .whole = use.form { true } else { false } }
    guard zip(factors.uses, rankOne).allSatisfy({ isWhole($0) || $1 != nil }),
      Set(names).count == names.count
    else { return nil }
    sources = factors.sources
    var terms = zip(factors.uses, rankOne).compactMap { use, rankOne in
      rankOne.map { Term(x: $0.activation, y: use.cotangent) }
    }
    for use in factors.uses where isWhole(use) {
      // The weight whose rows are the bias's own cotangent.
      if let weight = terms.firstIndex(where: {
        $0.x != nil && $0.y == use.cotangent && $0.plus == 0
      }
      ) {
        terms[weight].plus = 1
      } else {
        terms.append(Term(y: use.cotangent))
      }
    }
    self.terms = terms
    used = Set(terms.flatMap { [$0.x, $0.y].compactMap { $0 } }).sorted()
  }

  /// Elements of scratch for a batch of so many.
  func scratchCount(_ count: Int) -> Int { sources.count * count * Self.chunk }

  /// ⟨x_a, x_b⟩ of the inputs, which do not depend on the parameters, for ``multiply``.
  func multiplyInputs(
    _ a: UnsafePointer<Scalar>, _ count: Int, _ b: FactorRows<Scalar>, _ others: Range<Int>,
    into products: UnsafeMutablePointer<Scalar>
  ) {
    guard let inputs else { return }
    let width = sources[inputs].count
    MatrixProduct.unchecked(
      false, true, count, others.count, width, 1, a, width,
      b.base[inputs] + others.lowerBound * width, width, 0, products, others.count)
  }

  /// ⟨g_a, g_b⟩ for some items a and some items b, `[a, b]`.
  ///
  /// - Parameter inputProducts: `[a, b]` from ``multiplyInputs(_:_:_:_:into:)``; nil where they are
  ///   not known.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func multiply(
    _ a: FactorRows<Scalar>, _ items: Range<Int>, _ b: FactorRows<Scalar>, _ others: Range<Int>,
    inputProducts: UnsafePointer<Scalar>?, into products: UnsafeMutablePointer<Scalar>,
    scratch: UnsafeMutablePointer<Scalar>
  ) {
    let size = items.count * others.count
    let known = inputProducts == nil ? nil : inputs
    for source in used where source != known {
      let width = sources[source].count
      MatrixProduct.unchecked(
        false, true, items.count, others.count, width, 1,
        a.base[source] + items.lowerBound * width, width,
        b.base[source] + others.lowerBound * width, width, 0, scratch + source * size, others.count)
    }
    UnsafeMutableRawPointer(products).initializeMemory(
      as: UInt8.self, repeating: 0, count: size * MemoryLayout<Scalar>.stride)
    for term in terms {
      let y = scratch + term.y * size
      if let x = term.x {
        let known = x == known ? inputProducts : nil
        Scalar.multiplyAdd(
          size, known ?? UnsafePointer(scratch + x * size), term.plus, y, products)
      } else {
        Scalar.axpy(size, 1, y, products)
      }
    }
  }
}
