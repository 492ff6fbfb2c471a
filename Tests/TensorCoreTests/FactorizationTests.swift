import RealModule
import TensorCore
import Testing

/// Residuals in the measure of LAPACK's own tests: in machine epsilons, relative to the norms and
/// the order, and below LAPACK's threshold of 30.
@Suite struct FactorizationTests {
  static let orders = [0, 1, 2, 3, 5, 10, 50]
  static let threshold = 30.0

  @Test(arguments: precisions) func `Cholesky`(type: any TensorScalar.Type) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for order in Self.orders {
        let matrix: Tensor<Scalar> = positiveDefinite(order)
        let cholesky = try CholeskyFactorization(matrix)
        let (a, l) = (matrix.cast(to: Double.self), cholesky.lower.cast(to: Double.self))
        let norm = oneNorm(matrix)
        #expect(
          ratio(l.matmul(l, transposeOther: true), a, scale: Double(order) * norm, in: Scalar.self)
            < Self.threshold)
        for (row, column) in (0..<order).flatMap({ row in (row..<order).map { (row, $0) } }) {
          #expect(column == row ? l[row, column] > 0 : l[row, column] == 0)
        }
        try Self.expectSolution(matrix) { b throws(NumericError) in try cholesky.solve(b) }
        try Self.expectCondition(matrix, cholesky.reciprocalCondition) {
          b throws(NumericError) in try cholesky.solve(b)
        }
        let logarithms = try SymmetricEigen(matrix).values.map(.log).sum()
        #expect(
          abs(cholesky.logDeterminant - logarithms)
            <= Scalar(Self.threshold) * Scalar(order) * .ulpOfOne / cholesky.reciprocalCondition)
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `LU`(type: any TensorScalar.Type) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for order in Self.orders {
        let matrix: Tensor<Scalar> = random([order, order], seed: 21)
        let solver = try LinearSolve(matrix)
        try Self.expectSolution(matrix) { b throws(NumericError) in try solver.solve(b) }
        try Self.expectCondition(matrix, solver.reciprocalCondition) { b throws(NumericError) in
          try solver.solve(b)
        }
      }
    }
    try body(type)
  }

  /// ‖B − A·X‖ / (‖A‖ ‖X‖ ε) for vectors and for several columns.
  static func expectSolution<Scalar: TensorScalar>(
    _ matrix: Tensor<Scalar>, solve: (Tensor<Scalar>) throws(NumericError) -> Tensor<Scalar>
  ) throws {
    let order = matrix.shape[0]
    for shape in [[order], [order, 0], [order, 4]] as [Shape] {
      let b: Tensor<Scalar> = random(shape, seed: 22)
      let x = try solve(b)
      #expect(x.shape == shape)
      let columns: Shape = [order, shape.rank == 1 ? 1 : shape[1]]
      let product = matrix.cast(to: Double.self).matmul(x.reshaped(columns).cast())
      let scale = oneNorm(matrix) * oneNorm(x.reshaped(columns))
      #expect(ratio(product, b.reshaped(columns).cast(), scale: scale, in: Scalar.self) < threshold)
    }
  }

  /// The estimate is never below the true value and, LAPACK says, almost never above ten times it.
  static func expectCondition<Scalar: TensorScalar>(
    _ matrix: Tensor<Scalar>, _ estimate: Scalar,
    solve: (Tensor<Scalar>) throws(NumericError) -> Tensor<Scalar>
  ) throws {
    let order = matrix.shape[0]
    guard order > 0 else {
      #expect(estimate == 1)
      return
    }
    let inverse = try solve(identity(order))
    let exact = 1 / (oneNorm(matrix) * oneNorm(inverse))
    #expect(Double(estimate) >= 0.9 * exact && Double(estimate) <= 10 * exact)
  }

  @Test(arguments: precisions) func `symmetric eigenvalues`(type: any TensorScalar.Type) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for order in Self.orders {
        let half: Tensor<Scalar> = random([order, order], seed: 23)
        let matrix = half + half.transposed()
        let eigen = try SymmetricEigen(matrix)
        let (a, v) = (matrix.cast(to: Double.self), eigen.vectors.cast(to: Double.self))
        let scaled = v * eigen.values.cast(to: Double.self).reshaped([order, 1])
        let size = Double(order)
        #expect(
          ratio(
            v.matmul(scaled, transposeSelf: true), a, scale: size * oneNorm(a), in: Scalar.self)
            < Self.threshold)
        #expect(ratio(v.gram(), identity(order), scale: size, in: Scalar.self) < Self.threshold)
        #expect(eigen.values.scalars == eigen.values.scalars.sorted())
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `singular values of every outline`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for (m, n) in Self.orders.flatMap({ m in Self.orders.map { (m, $0) } }) {
        let matrix: Tensor<Scalar> = random([m, n], seed: 24)
        let singular = try SingularValues(matrix)
        let rank = min(m, n), size = Double(max(m, n))
        let (u, vt) = (singular.u.cast(to: Double.self), singular.vt.cast(to: Double.self))
        #expect(u.shape == [m, rank] && vt.shape == [rank, n])
        let product = (u * singular.s.cast()).matmul(vt)
        #expect(
          ratio(product, matrix.cast(), scale: size * oneNorm(matrix), in: Scalar.self)
            < Self.threshold)
        let one: Tensor<Double> = identity(rank)
        #expect(
          ratio(u.gram(transposeSelf: true), one, scale: size, in: Scalar.self) < Self.threshold)
        #expect(ratio(vt.gram(), one, scale: size, in: Scalar.self) < Self.threshold)
        #expect(singular.s.scalars == singular.s.scalars.sorted(by: >))
        #expect(singular.s.scalars.allSatisfy { $0 >= 0 })
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `a value that is not finite is named with its place`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for bad in [Scalar.nan, .infinity, -.infinity] {
        for place in [0, 4, 8] {
          var matrix: Tensor<Scalar> = positiveDefinite(3)
          matrix.scalars[place] = bad
          let error = NumericError.notFinite(what: "the matrix", index: place)
          #expect(throws: error) { try CholeskyFactorization(matrix) }
          #expect(throws: error) { try LinearSolve(matrix) }
          #expect(throws: error) { try SymmetricEigen(matrix) }
          #expect(throws: error) { try SingularValues(matrix) }
        }
        let matrix: Tensor<Scalar> = positiveDefinite(3)
        let error = NumericError.notFinite(what: "the right-hand side", index: 1)
        let b = Tensor<Scalar>([3], [0, bad, 0])
        #expect(throws: error) { try CholeskyFactorization(matrix).solve(b) }
        #expect(throws: error) { try LinearSolve(matrix).solve(b) }
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `the minor that fails is named`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for order in 1...5 {
        var matrix: Tensor<Scalar> = identity(5)
        matrix[order - 1, order - 1] = order % 2 == 0 ? 0 : -1
        #expect(throws: NumericError.notPositiveDefinite(order: order)) {
          try CholeskyFactorization(matrix)
        }
      }
      // An entry of L overflows and ∞ · 0 puts a NaN on the diagonal, which LAPACK lets pass.
      let small = Scalar.leastNormalMagnitude, large = Scalar.greatestFiniteMagnitude / 4
      let matrix = Tensor<Scalar>(rows: [[small, 0, large], [0, 1, 0], [large, 0, 1]])
      #expect(throws: NumericError.notPositiveDefinite(order: 3)) {
        try CholeskyFactorization(matrix)
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `a singular matrix is not solved with`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      #expect(throws: NumericError.singular(reciprocalCondition: 0)) {
        try LinearSolve(Tensor<Scalar>([3, 3]))
      }
      // Hilbert matrices: the condition grows as 33 to the order.
      let hilbert = Tensor<Scalar>(
        rows: (0..<14).map { i in (0..<14).map { 1 / Scalar(i + $0 + 1) } })
      let error = #expect(throws: NumericError.self) { try LinearSolve(hilbert) }
      guard case .singular(let condition) = error else {
        Issue.record("\(String(describing: error)) for a Hilbert matrix")
        return
      }
      #expect(condition < Double(Scalar.ulpOfOne))
      // Finite entries whose column sums overflow.
      let huge = Tensor<Scalar>([2, 2], repeating: .greatestFiniteMagnitude)
      #expect(throws: NumericError.self) { try LinearSolve(huge) }
      #expect(throws: NumericError.self) { try CholeskyFactorization(huge) }
    }
    try body(type)
  }
}
