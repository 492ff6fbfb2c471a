import RealModule
import TensorCore
import Testing

@Suite struct IterativeSolverTests {
  /// A matrix whose products are counted and need not be finite.
  final class Counted<Scalar: TensorScalar>: LinearOperator {
    let matrix: Tensor<Scalar>
    var products = 0
    init(_ matrix: Tensor<Scalar>) { self.matrix = matrix }
    var dimension: Int { matrix.shape[0] }
    func apply(_ x: Tensor<Scalar>, into y: inout Tensor<Scalar>) {
      products += 1
      y = matrix.matvec(x)
    }
  }

  static func tolerance<Scalar: TensorScalar>(_: Scalar.Type) -> Scalar { 100 * .ulpOfOne }

  @Test(arguments: precisions) func `conjugate gradients find the solution of Cholesky`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for order in [0, 1, 2, 10, 30] {
        let matrix: Tensor<Scalar> = positiveDefinite(order)
        let b: Tensor<Scalar> = random([order], seed: 31)
        let cholesky = try CholeskyFactorization(matrix)
        let direct = try cholesky.solve(b)
        let tolerance = Self.tolerance(Scalar.self)
        let found = try ConjugateGradient(MatrixOperator(matrix), b, tolerance: tolerance)
        #expect(found.isConverged && found.relativeResidual <= tolerance)
        let solution = try found.requireConvergence()
        let residual = (b - matrix.matvec(solution)).norm
        #expect(residual <= 2 * tolerance * b.norm)
        // A residual is magnified at most by the condition number.
        let error = (solution - direct).norm
        #expect(error <= 2 * tolerance / cholesky.reciprocalCondition * direct.norm)
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `damping adds to the diagonal`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      var matrix: Tensor<Scalar> = positiveDefinite(8)
      let b: Tensor<Scalar> = random([8], seed: 32)
      let damped = DampedOperator(MatrixOperator(matrix), damping: 2)
      let found = try ConjugateGradient(damped, b, tolerance: Self.tolerance(Scalar.self))
      matrix.addToDiagonal(2)
      let direct = try CholeskyFactorization(matrix).solve(b)
      #expect((found.solution - direct).norm <= 1000 * .ulpOfOne * direct.norm)
    }
    try body(type)
  }

  @Test(arguments: precisions) func `a good preconditioner saves products`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      // Scaled from 1 to 1000: hard as it is, easy once the diagonal is divided out.
      let scales = Tensor<Scalar>([20], (0..<20).map { Scalar.pow(1000, Scalar($0) / 38) })
      let core: Tensor<Scalar> = positiveDefinite(20)
      let matrix = core * scales * scales.reshaped([20, 1])
      let inverse = Tensor([20], (0..<20).map { 1 / matrix[$0, $0] })
      let b: Tensor<Scalar> = random([20], seed: 33)
      let tolerance: Scalar = 0.001
      let plain = try ConjugateGradient(
        MatrixOperator(matrix), b, tolerance: tolerance, maximumIterations: 200)
      let helped = try ConjugateGradient(
        MatrixOperator(matrix), b, tolerance: tolerance, maximumIterations: 200,
        preconditioner: DiagonalOperator(inverse))
      #expect(helped.isConverged && helped.iterations < plain.iterations)

      let diagonal = DiagonalOperator(scales)
      let exact = try ConjugateGradient(
        diagonal, b, tolerance: Self.tolerance(Scalar.self),
        preconditioner: DiagonalOperator(1 / scales))
      #expect(exact.isConverged && exact.iterations == 1)
    }
    try body(type)
  }

  @Test(arguments: precisions) func `what was not reached is told`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      let matrix: Tensor<Scalar> = positiveDefinite(20)
      let b: Tensor<Scalar> = random([20], seed: 34)
      let counted = Counted(matrix)
      let early = try ConjugateGradient(counted, b, tolerance: 0, maximumIterations: 3)
      #expect(early.iterations == 3 && counted.products == 4 && !early.isConverged)
      let actual = (b - matrix.matvec(early.solution)).norm / b.norm
      #expect(abs(early.relativeResidual - actual) <= 10 * .ulpOfOne)
      #expect(
        throws: NumericError.notConverged(
          iterations: 3, residual: Double(early.relativeResidual))
      ) { try early.requireConvergence() }

      // A tolerance below rounding: the iteration notices that it no longer gains, and stops.
      let greedy = try ConjugateGradient(
        MatrixOperator(matrix), b, tolerance: .ulpOfOne / 1000, maximumIterations: 100_000)
      #expect(!greedy.isConverged && greedy.iterations < 1000)
      #expect(greedy.relativeResidual < 100 * .ulpOfOne)

      let nothing = try ConjugateGradient(MatrixOperator(matrix), Tensor([20]), tolerance: 0)
      #expect(nothing.isConverged && nothing.iterations == 0 && nothing.relativeResidual == 0)
    }
    try body(type)
  }

  @Test(arguments: precisions) func `matrices that it is not made for are refused`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      let indefinite = DiagonalOperator(Tensor<Scalar>([3], [1, -2, 1]))
      let b = Tensor<Scalar>([3], [0, 1, 0])
      #expect(throws: NumericError.negativeCurvature(curvature: -2, iteration: 1)) {
        try ConjugateGradient(indefinite, b, tolerance: 0.1)
      }
      let broken = DiagonalOperator(Tensor<Scalar>([3], [1, .nan, 1]))
      #expect(throws: NumericError.notFinite(what: "the product at iteration 1", index: 1)) {
        try ConjugateGradient(broken, b, tolerance: 0.1)
      }
      #expect(throws: NumericError.notFinite(what: "the product at step 1", index: 1)) {
        try Lanczos(broken, count: 1)
      }
      #expect(throws: NumericError.notFinite(what: "the right-hand side", index: 2)) {
        try ConjugateGradient(indefinite, Tensor([3], [0, 0, .infinity]), tolerance: 0.1)
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `Lanczos finds both ends of the spectrum`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      let half: Tensor<Scalar> = random([40, 40], seed: 35)
      let matrix = half + half.transposed()
      let all = try SymmetricEigen(matrix).values.scalars
      let expected: [(Lanczos<Scalar>.End, [Scalar])] = [
        (.largest, Array(all.reversed())), (.smallest, all),
        (.largestMagnitude, all.sorted { $0.magnitude > $1.magnitude }),
      ]
      for (end, values) in expected {
        let found = try Lanczos(MatrixOperator(matrix), count: 4, end: end)
        try found.requireConvergence()
        let norm = values.map(\.magnitude).max() ?? 0
        for (value, exact) in zip(found.values.scalars, values) {
          #expect(abs(value - exact) <= 100 * .ulpOfOne * norm)
        }
        // Rows v with A · v = λ · v, and orthonormal.
        let products = found.vectors.matmul(matrix)
        let residual = (products - found.vectors * found.values.reshaped([4, 1])).norm
        #expect(residual <= 4 * Scalar.ulpOfOne.squareRoot() * norm)
        #expect((found.vectors.gram() - identity(4)).norm <= 100 * .ulpOfOne)
      }
    }
    try body(type)
  }

  @Test(arguments: precisions) func `Lanczos goes on where its subspace ends`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      func values(_ diagonal: [Scalar], _ count: Int) throws -> [Scalar] {
        let a = DiagonalOperator(Tensor([diagonal.count], diagonal))
        let found = try Lanczos(a, count: count)
        try found.requireConvergence()
        #expect(found.vectors.shape == [found.values.count, diagonal.count])
        return found.values.scalars.map { ($0 * 1000).rounded() / 1000 }
      }
      #expect(try values([1, 1, 1, 1, 1], 3) == [1, 1, 1])
      #expect(try values([1, 0, 0, 1], 2) == [1, 1])
      #expect(try values([0, 0, 0], 2) == [0, 0])
      #expect(try values([0, 3, 0, 2, 0, 0], 4) == [3, 2, 0, 0])
      #expect(try values([2, 5], 7) == [5, 2])
      #expect(try values([2, 5], 0) == [])
      #expect(try values([], 3) == [])
    }
    try body(type)
  }

  @Test func `Lanczos says when it needs more steps`() throws {
    let matrix: Tensor<Double> = positiveDefinite(40)
    let counted = Counted(matrix)
    let found = try Lanczos(counted, count: 3, maximumSteps: 5)
    #expect(found.steps == 5 && counted.products == 5 && !found.isConverged)
    #expect(
      throws: NumericError.notConverged(iterations: 5, residual: found.residuals.max())
    ) { try found.requireConvergence() }
    // The residuals are the true ones.
    let norm = try SymmetricEigen(matrix).values.max()
    let products = found.vectors.matmul(matrix) - found.vectors * found.values.reshaped([3, 1])
    for pair in 0..<3 {
      #expect(abs(products.row(pair).norm / norm - found.residuals[pair]) < 0.1)
    }
  }
}
