/// Some eigenpairs at an end of the spectrum of a symmetric operator.
///
/// The Lanczos iteration with full reorthogonalisation (C. Lanczos 1950; B. N. Parlett, "The
/// Symmetric Eigenvalue Problem", chapter 13). It starts from one random vector and so sees one
/// eigenvector of an eigenvalue that repeats; more of them come only where the iteration breaks
/// down and starts anew in the orthogonal complement.
public struct Lanczos<Scalar: TensorScalar>: Sendable {
  /// Which end of the spectrum is wanted.
  public enum End: Sendable {
    /// The largest, descending.
    case largest
    /// The smallest, ascending.
    case smallest
    /// The largest in magnitude, descending.
    case largestMagnitude
  }

  /// The eigenvalues `[k]`, the outermost first.
  public let values: Tensor<Scalar>
  /// The orthonormal eigenvectors as rows `[k, n]`.
  public let vectors: Tensor<Scalar>
  /// ‖A · v − λ · v‖ / ‖A‖ of each pair `[k]`, as the iteration knows it.
  ///
  /// ‖A‖ is the largest magnitude of an eigenvalue seen. Times that norm, it bounds the distance of
  /// each value from an eigenvalue of A.
  public let residuals: Tensor<Scalar>
  /// How many steps were made, each with one product.
  public let steps: Int
  /// Whether all residuals are within the tolerance.
  public let isConverged: Bool

  /// Iterates until the wanted pairs are within the tolerance.
  ///
  /// - Parameters:
  ///   - a: A, symmetric.
  ///   - count: k, the number of pairs; n where that is less.
  ///   - end: Which pairs.
  ///   - tolerance: On the relative residuals.
  ///   - maximumSteps: The largest number of steps, and of vectors held; where nil, 10 · k + 50.
  ///   - random: Where the start vectors are drawn from.
  /// - Throws: `NumericError.notFinite` where a product has NaN or infinity.
  /// - Complexity: s products and O(s² · n) for s steps, with s · n elements of memory.
  public init(
    _ a: some LinearOperator<Scalar>, count: Int, end: End = .largest,
    tolerance: Scalar = Scalar.ulpOfOne.squareRoot(), maximumSteps: Int? = nil,
    random: RandomStream = RandomStream(seed: 0, stream: 0)
  ) throws(NumericError) {
    precondition(count >= 0, "\(count) eigenpairs")
    let n = a.dimension
    let wanted = min(count, n)
    let limit = min(n, Swift.max(maximumSteps ?? 10 * wanted + 50, wanted))
    var random = random
    var basis = Basis<Scalar>(dimension: n)
    var product = Tensor<Scalar>([n])
    var diagonal: [Scalar] = [], beside: [Scalar] = []  // the projected, tridiagonal matrix
    var scale: Scalar = 0  // the largest of its entries
    var nextCheck = wanted
    var weights = Tensor<Scalar>([0, 0])
    var values: [Scalar] = [], residuals: [Scalar] = []

    var next = wanted > 0 ? basis.freshVector(&random) : product
    while wanted > 0 {
      basis.append(next)
      a.apply(next, into: &product)
      try product.requireFinite("the product at step \(basis.count)")
      diagonal.append(next.dot(product))
      basis.orthogonalize(&product)
      let norm = product.norm
      scale = Swift.max(scale, diagonal[diagonal.count - 1].magnitude, norm)
      // What is left of the product is rounding: the basis spans an invariant subspace.
      let breaksDown = norm <= scale * Scalar.ulpOfOne * Scalar(10 * n).squareRoot()
      let coupling = breaksDown ? 0 : norm

      if basis.count == limit || (basis.count >= nextCheck && !breaksDown) {
        nextCheck = basis.count + Swift.max(4, basis.count / 4)
        let ritz = try SymmetricEigen(Self.tridiagonal(diagonal, beside))
        let order = Self.order(of: ritz.values.scalars, end).prefix(wanted)
        let largest = ritz.values.scalars.reduce(0) { Swift.max($0, $1.magnitude) }
        weights = ritz.vectors.gatheringRows(order)
        values = order.map { ritz.values.scalars[$0] }
        residuals = (0..<wanted).map { pair in
          coupling == 0 ? 0 : coupling * weights[pair, basis.count - 1].magnitude / largest
        }
        if basis.count == limit || residuals.allSatisfy({ $0 <= tolerance }) { break }
      }
      next = breaksDown ? basis.freshVector(&random) : product / norm
      beside.append(coupling)
    }

    steps = basis.count
    self.values = Tensor([wanted], values)
    self.residuals = Tensor([wanted], residuals)
    vectors = basis.combined(weights)
    isConverged = residuals.allSatisfy { $0 <= tolerance }
  }

  /// Stops at pairs that are not good enough.
  ///
  /// - Throws: `NumericError.notConverged` with the largest relative residual.
  public func requireConvergence() throws(NumericError) {
    guard isConverged else {
      throw .notConverged(iterations: steps, residual: Double(residuals.max()))
    }
  }

  private static func tridiagonal(_ diagonal: [Scalar], _ beside: [Scalar]) -> Tensor<Scalar> {
    var matrix = Tensor<Scalar>([diagonal.count, diagonal.count])
    for (i, value) in diagonal.enumerated() { matrix[i, i] = value }
    for (i, value) in beside.enumerated() {
      matrix[i + 1, i] = value
      matrix[i, i + 1] = value
    }
    return matrix
  }

  private static func order(of ascending: [Scalar], _ end: End) -> [Int] {
    switch end {
    case .largest: ascending.indices.reversed()
    case .smallest: Array(ascending.indices)
    case .largestMagnitude:
      ascending.indices.sorted { ascending[$0].magnitude > ascending[$1].magnitude }
    }
  }
}

/// Orthonormal rows, as many as there are so far.
private struct Basis<Scalar: TensorScalar> {
  let dimension: Int
  private(set) var count = 0
  private var rows: [Scalar] = []

  init(dimension: Int) { self.dimension = dimension }

  mutating func append(_ row: Tensor<Scalar>) {
    rows.append(contentsOf: row.scalars)
    count += 1
  }

  /// Removes from a vector its part within the rows; twice, so that rounding leaves none.
  func orthogonalize(_ vector: inout Tensor<Scalar>) {
    guard count > 0 else { return }
    rows.withUnsafeBufferPointer { rows in
      guard let rows = rows.baseAddress else { return }
      var weights = Tensor<Scalar>([count])
      vector.withMutableElements { v in
        weights.withMutableElements { w in
          for _ in 0..<2 {
            MatrixProduct.unchecked(
              false, false, count, 1, dimension, 1, rows, dimension, v, 1, 0, w, 1)
            MatrixProduct.unchecked(
              true, false, dimension, 1, count, -1, rows, dimension, w, 1, 1, v, 1)
          }
        }
      }
    }
  }

  /// A random unit vector orthogonal to the rows, of which there are fewer than the dimension.
  func freshVector(_ random: inout RandomStream) -> Tensor<Scalar> {
    while true {
      var vector: Tensor<Scalar> = random.normalTensor([dimension])
      let length = vector.norm
      orthogonalize(&vector)
      let norm = vector.norm
      // A draw that lay almost within the rows is rounding now, and not orthogonal to them.
      if norm > length * Scalar.ulpOfOne.squareRoot() { return vector / norm }
    }
  }

  /// weights · rows, for weights `[k, count]`.
  func combined(_ weights: Tensor<Scalar>) -> Tensor<Scalar> {
    weights.matmul(Tensor([count, dimension], rows))
  }
}
