import CKernels
import TensorCore
import Testing

/// The door to BLAS against plain loops in Double.
///
/// A product of inner extent k errs by at most about k · ε · Σ|a||b|, whatever its order of
/// summation; twice that and two roundings more are allowed.
@Suite struct MatrixProductTests {
  static let extents = [
    (0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (2, 3, 4), (7, 1, 9), (17, 16, 33),
    // Multiplied by our own kernel: whole tiles, edges on all sides, and several runs of k.
    (16, 32, 8), (23, 65, 9), (16, 33, 261),
  ]

  /// A matrix in memory with room between its rows.
  struct Strided<Scalar: TensorScalar> {
    let matrix: Tensor<Scalar>
    let stride: Int
    var memory: [Scalar]

    init(_ matrix: Tensor<Scalar>, padding: Int) {
      self.matrix = matrix
      stride = matrix.shape[1] + padding
      memory = (0..<matrix.shape[0]).flatMap { row in
        matrix.row(row).scalars + [Scalar](repeating: 99, count: padding)
      }
    }

    var rows: Tensor<Scalar> {
      Tensor([matrix.shape[0], stride], memory)
    }
  }

  static func orient<Scalar>(_ matrix: Tensor<Scalar>, _ transposed: Bool) -> Tensor<Scalar> {
    transposed ? matrix.transposed() : matrix
  }

  static func magnitudes<Scalar>(_ matrix: Tensor<Scalar>) -> Tensor<Scalar> {
    Tensor(matrix.shape, matrix.scalars.map(\.magnitude))
  }

  static func expectProduct<Scalar: TensorScalar>(
    _ got: Tensor<Scalar>, _ a: Tensor<Scalar>, _ b: Tensor<Scalar>,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let (a, b) = (a.cast(to: Double.self), b.cast(to: Double.self))
    let expected = MatrixProduct.reference(a, b)
    let bounds = MatrixProduct.reference(magnitudes(a), magnitudes(b))
    #expect(got.shape == expected.shape, sourceLocation: sourceLocation)
    let slack = Double(2 * (a.shape[1] + 2)) * Double(Scalar.ulpOfOne)
    for (i, value) in got.scalars.enumerated() {
      #expect(
        abs(Double(value) - expected.scalars[i]) <= slack * bounds.scalars[i],
        sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: precisions) func `gemm in every orientation and stride`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for (m, n, k) in Self.extents {
        for (transposeA, transposeB) in [
          (false, false), (false, true), (true, false), (true, true),
        ] {
          for (padding, alpha, beta) in [(0, 1, 0), (3, -0.5, 1), (1, 2, 0.25)] {
            let a: Tensor<Scalar> = random([m, k], seed: 1),
              b: Tensor<Scalar> = random([k, n], seed: 2)
            let old: Tensor<Scalar> =
              beta == 0 ? Tensor([m, n], repeating: .nan) : random([m, n], seed: 3)
            let storedA = Strided(Self.orient(a, transposeA), padding: padding)
            let storedB = Strided(Self.orient(b, transposeB), padding: padding)
            var c = Strided(old, padding: padding)
            let stride = c.stride
            storedA.memory.withUnsafeBufferPointer { a in
              storedB.memory.withUnsafeBufferPointer { b in
                c.memory.withUnsafeMutableBufferPointer { c in
                  MatrixProduct.gemm(
                    a, transposeA: transposeA, lda: storedA.stride, b, transposeB: transposeB,
                    ldb: storedB.stride, m: m, n: n, k: k, alpha: Scalar(alpha),
                    beta: Scalar(beta), into: c, ldc: stride)
                }
              }
            }
            // [alpha · A, beta · C] · [B; I] is the whole operation as one product.
            let left = Tensor<Scalar>(
              rows: (0..<m).map { row in
                a.row(row).scalars.map { Scalar(alpha) * $0 }
                  + (beta == 0 ? [] : old.row(row).scalars.map { Scalar(beta) * $0 })
              }
            ).reshaped([m, m == 0 ? 0 : k + (beta == 0 ? 0 : n)])
            let right = Tensor<Scalar>(
              [k + (beta == 0 ? 0 : n), n],
              b.scalars + (beta == 0 ? [] : identity(n).scalars))
            guard m > 0 else { continue }
            let got = (0..<m).flatMap { Array(c.rows.row($0).scalars.prefix(n)) }
            Self.expectProduct(Tensor([m, n], got), left, right)
            #expect(
              (0..<m).allSatisfy { c.rows.row($0).scalars.dropFirst(n).allSatisfy { $0 == 99 } })
          }
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `Tensor products of every extent`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for (m, n, k) in Self.extents {
        let a: Tensor<Scalar> = random([m, k], seed: 4),
          b: Tensor<Scalar> = random([k, n], seed: 5)
        let x: Tensor<Scalar> = random([k], seed: 6), y: Tensor<Scalar> = random([m], seed: 7)
        let column = x.reshaped([k, 1]), row = y.reshaped([1, m])
        Self.expectProduct(a.matmul(b), a, b)
        Self.expectProduct(
          a.transposed().matmul(b.transposed(), transposeSelf: true, transposeOther: true), a, b)
        Self.expectProduct(a.matvec(x).reshaped([m, 1]), a, column)
        Self.expectProduct(a.matvec(y, transposeSelf: true).reshaped([1, k]), row, a)
        Self.expectProduct(a.gram(), a, a.transposed())
        Self.expectProduct(a.gram(transposeSelf: true), a.transposed(), a)
        Self.expectProduct(Tensor([1, 1], [x.dot(x)]), x.reshaped([1, k]), column)

        var outer: Tensor<Scalar> = Tensor([m, k])
        outer.addOuterProduct(y, x, scale: -2)
        Self.expectProduct(outer, -2 * y.reshaped([m, 1]), x.reshaped([1, k]))
        var sum = a
        sum.add(outer, scale: 0.5)
        #expect(sum == a + outer * 0.5)
      }
    }
    body(type)
  }

  /// A level that this machine cannot run is left out; the lower ones always run.
  @Test(arguments: Int32(KERNEL_BASELINE)...kernel_level_number())
  func `our own products at every level of processors`(level: Int32) {
    for (m, n, k) in [(1, 1, 1), (6, 64, 3), (7, 65, 5), (13, 47, 260), (5, 260, 2)] {
      let a: Tensor<Float> = random([m, k], seed: 1), b: Tensor<Float> = random([k, n], seed: 2)
      for (transposeA, transposeB) in [(false, false), (false, true), (true, false)] {
        let (x, y) = (Self.orient(a, transposeA), Self.orient(b, transposeB))
        var product = Tensor<Float>([m, n], repeating: .nan)
        kernel_product_at_f32(
          level, m, n, k, 1, x.scalars, transposeA ? 1 : k, transposeA ? m : 1, y.scalars,
          transposeB ? 1 : n, transposeB ? k : 1, 0, &product.scalars, n)
        Self.expectProduct(product, a, b)
      }
      let (x, y) = (a.cast(to: Double.self), b.cast(to: Double.self))
      var product = Tensor<Double>([m, n], repeating: .nan)
      kernel_product_at_f64(
        level, m, n, k, 1, x.scalars, k, 1, y.scalars, n, 1, 0, &product.scalars, n)
      Self.expectProduct(product, x, y)
    }
  }

  @Test(arguments: precisions) func `an element has the same bits among any others`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let a: Tensor<Scalar> = random([40, 300]), b: Tensor<Scalar> = random([300, 96], seed: 2)
      let whole = a.matmul(b.transposed(), transposeOther: true)
      for rows in [16, 17, 39] {
        let few = Tensor<Scalar>(rows: (0..<rows).map { a.row($0).scalars })
        let part = few.matmul(b.transposed(), transposeOther: true)
        #expect((0..<rows).allSatisfy { part.row($0).scalars == whole.row($0).scalars })
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `a Gram matrix is symmetric to the last bit`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for order in [1, 31, 32, 33, 70] {
        let gram: Tensor<Scalar> = random([order, 5]).gram()
        #expect(gram == gram.transposed())
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `the norm neither overflows nor vanishes`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let large = Scalar.greatestFiniteMagnitude / 8, small = Scalar.leastNormalMagnitude / 8
      #expect(Tensor([2], [3, -4]).norm == Scalar(5))
      #expect(Tensor([2], [3 * large, -4 * large]).norm == 5 * large)
      #expect(Tensor([2], [3 * small, -4 * small]).norm == 5 * small)
      #expect(Tensor<Scalar>([0]).norm == 0)
      #expect(Tensor<Scalar>([3]).norm == 0)
      #expect(Tensor<Scalar>([2], [1, -.infinity]).norm == .infinity)
      #expect(Tensor<Scalar>([2], [.infinity, .nan]).norm.isNaN)
    }
    body(type)
  }

  @Test(arguments: precisions) func `triangular systems in both orientations`(
    type: any TensorScalar.Type
  ) throws {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for order in [0, 1, 2, 5, 20] {
        // What stands above the diagonal must not matter: it is NaN.
        var lower: Tensor<Scalar> = random([order, order], seed: 8)
        var honest = lower
        for (row, column) in (0..<order).flatMap({ row in (0..<order).map { (row, $0) } }) {
          if column > row { (lower[row, column], honest[row, column]) = (.nan, 0) }
          if column == row { (lower[row, row], honest[row, row]) = (2, 2) }
        }
        for shape in [[order], [order, 0], [order, 3]] as [Shape] {
          let solution: Tensor<Scalar> = random(shape, seed: 9)
          let columns = solution.reshaped([order, shape.rank == 1 ? 1 : shape[1]])
          for transposed in [false, true] {
            let right = honest.matmul(columns, transposeSelf: transposed).reshaped(shape)
            let found = try TriangularSolve.solve(lower: lower, transposed: transposed, right)
            // Entries below 1 beside a diagonal of 2 keep the condition number below 4 ^ order in
            // theory, below 100 here.
            let error = (found - solution).norm
            #expect(error <= 100 * Scalar(order) * .ulpOfOne * solution.norm)
          }
        }
      }
      var singular: Tensor<Scalar> = identity(3)
      singular[1, 1] = 0
      #expect(throws: NumericError.singular(reciprocalCondition: 0)) {
        try TriangularSolve.solve(lower: singular, Tensor([3]))
      }
    }
    try body(type)
  }
}
