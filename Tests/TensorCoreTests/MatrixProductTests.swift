import CKernels
import TensorCore
import Testing

/// A scalar whose products can be asked of the loops of one level of processors.
protocol LeveledScalar: TensorScalar {
  static func product(
    _ level: Int32, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>,
    _ rowA: Int, _ columnA: Int, _ b: UnsafePointer<Self>, _ rowB: Int, _ columnB: Int,
    _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)
}

extension Float: LeveledScalar {
  static func product(
    _ level: Int32, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>,
    _ rowA: Int, _ columnA: Int, _ b: UnsafePointer<Float>, _ rowB: Int, _ columnB: Int,
    _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    kernel_product_at_f32(
      level, m, n, k, alpha, a, rowA, columnA, b, rowB, columnB, beta, c, ldc)
  }
}

extension Double: LeveledScalar {
  static func product(
    _ level: Int32, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafePointer<Double>,
    _ rowA: Int, _ columnA: Int, _ b: UnsafePointer<Double>, _ rowB: Int, _ columnB: Int,
    _ beta: Double, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
  ) {
    kernel_product_at_f64(
      level, m, n, k, alpha, a, rowA, columnA, b, rowB, columnB, beta, c, ldc)
  }
}

private let leveledPrecisions: [any LeveledScalar.Type] = [Float.self, Double.self]

/// The door to products against plain loops: within the error bound in Double, and bit for bit in
/// the order that the package's kernels state.
///
/// A product of inner extent k errs by at most about k · ε · Σ|a||b|, whatever its order of
/// summation; twice that and two roundings more are allowed.
@Suite struct MatrixProductTests {
  static let extents = [
    (0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (2, 3, 4), (7, 1, 9), (17, 16, 33),
    // Whole tiles, edges on all sides, and several runs of k.
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

  /// Extents, strides, transpositions and factors by chance; a few of each are edges.
  struct Draw {
    var (m, n, k) = (1, 1, 1)
    var (transposeA, transposeB) = (false, false)
    var (paddingA, paddingB, paddingC) = (0, 0, 0)
    var (alpha, beta) = (1.0, 0.0)

    init(_ stream: inout RandomStream) {
      // One long axis at most: plain loops are slow.
      func any<Element>(_ elements: [Element]) -> Element {
        elements[stream.nextInteger(below: elements.count)]
      }
      var limits = any([[12, 12, 600], [40, 40, 40], [1, 90, 300], [3, 90, 100]])
      limits.shuffle(using: &stream)
      (m, n, k) = (
        1 + stream.nextInteger(below: limits[0]), 1 + stream.nextInteger(below: limits[1]),
        1 + stream.nextInteger(below: limits[2])
      )
      (transposeA, transposeB) = (any([false, true]), any([false, true]))
      (paddingA, paddingB, paddingC) = (any([0, 5, 10]), any([0, 5, 10]), any([0, 5, 10]))
      (alpha, beta) = any([(1, 0), (1, 1), (-0.5, 0), (2, 0.25)])
    }
  }

  /// The product of a draw by one level's loops, with its operands as they are multiplied.
  static func product<Scalar: LeveledScalar>(
    _ draw: Draw, level: Int32, _ a: Tensor<Scalar>, _ b: Tensor<Scalar>, _ old: Tensor<Scalar>
  ) -> Tensor<Scalar> {
    let x = Strided(orient(a, draw.transposeA), padding: draw.paddingA)
    let y = Strided(orient(b, draw.transposeB), padding: draw.paddingB)
    var c = Strided(old, padding: draw.paddingC)
    let (m, n, k) = (a.shape[0], b.shape[1], a.shape[1])
    let (rowA, columnA) = draw.transposeA ? (1, x.stride) : (x.stride, 1)
    let (rowB, columnB) = draw.transposeB ? (1, y.stride) : (y.stride, 1)
    Scalar.product(
      level, m, n, k, Scalar(draw.alpha), x.memory, rowA, columnA, y.memory, rowB, columnB,
      Scalar(draw.beta), &c.memory, c.stride)
    let rows = (0..<m).map { Array(c.rows.row($0).scalars) }
    #expect(rows.allSatisfy { $0.dropFirst(n).allSatisfy { $0 == 99 } }, "written between rows")
    return Tensor([m, n], rows.flatMap { $0.prefix(n) })
  }

  /// The order is part of what the kernels promise: plain loops in that order have the same bits.
  ///
  /// A level that this machine cannot run is left out; the lower ones always run.
  @Test(arguments: Int32(KERNEL_BASELINE)...kernel_level_number(), leveledPrecisions)
  func `an element is the sum in the stated order`(level: Int32, type: any LeveledScalar.Type) {
    func body<Scalar: LeveledScalar>(_: Scalar.Type) {
      var stream = RandomStream(seed: 60, stream: 0)
      for number in 0..<80 {
        let draw = Draw(&stream)
        let a: Tensor<Scalar> = random([draw.m, draw.k], seed: UInt64(number))
        let b: Tensor<Scalar> = random([draw.k, draw.n], seed: UInt64(number) + 1000)
        let old: Tensor<Scalar> =
          draw.beta == 0
          ? Tensor([draw.m, draw.n], repeating: .nan)
          : random([draw.m, draw.n], seed: UInt64(number) + 2000)
        let expected = MatrixProduct.reference(
          a, b, alpha: Scalar(draw.alpha), beta: Scalar(draw.beta), old,
          fuses: level > Int32(KERNEL_BASELINE) || Kernels.level == "arm64")
        #expect(Self.product(draw, level: level, a, b, old) == expected, "\(draw)")
      }
    }
    body(type)
  }

  /// Blocks of rows, of columns and of runs: cuts of a product that is larger than all of them.
  @Test(arguments: Int32(KERNEL_BASELINE)...kernel_level_number(), leveledPrecisions)
  func `an element has the same bits among any others`(
    level: Int32, type: any LeveledScalar.Type
  ) {
    func body<Scalar: LeveledScalar>(_: Scalar.Type) {
      var stream = RandomStream(seed: 61, stream: 0)
      let (m, n, k) = (290, 2070, 260)
      let a: Tensor<Scalar> = random([m, k]), b: Tensor<Scalar> = random([k, n], seed: 2)
      var whole = Draw(&stream)
      (whole.transposeA, whole.transposeB, whole.alpha, whole.beta) = (false, true, 1, 0)
      let product = Self.product(whole, level: level, a, b, Tensor([m, n]))
      for (transposeA, transposeB) in [(false, false), (true, false), (true, true)] {
        (whole.transposeA, whole.transposeB) = (transposeA, transposeB)
        #expect(Self.product(whole, level: level, a, b, Tensor([m, n])) == product)
      }
      for _ in 0..<20 {
        var draw = Draw(&stream)
        (draw.alpha, draw.beta) = (1, 0)
        let (rows, columns) = (min(draw.m, m), min(draw.n, n))
        let top = stream.nextInteger(below: m - rows + 1)
        let left = stream.nextInteger(below: n - columns + 1)
        let few = Tensor<Scalar>(rows: (top..<top + rows).map { a.row($0).scalars })
        let narrow = Tensor<Scalar>(
          rows: (0..<k).map { Array(b.row($0).scalars[left..<left + columns]) })
        let part = Self.product(draw, level: level, few, narrow, Tensor([rows, columns]))
        #expect(
          (0..<rows).allSatisfy {
            part.row($0).scalars == Array(product.row(top + $0).scalars[left..<left + columns])
          }, "\(draw) at \(top), \(left)")
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `both backends agree within the error bound`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for (m, n, k) in Self.extents where m * n * k > 0 {
        let a: Tensor<Scalar> = random([m, k], seed: 4)
        let b: Tensor<Scalar> = random([k, n], seed: 5)
        var (own, blas) = (Tensor<Scalar>([m, n]), Tensor<Scalar>([m, n]))
        Scalar.product(false, false, m, n, k, 1, a.scalars, k, b.scalars, n, 0, &own.scalars, n)
        Scalar.gemm(false, false, m, n, k, 1, a.scalars, k, b.scalars, n, 0, &blas.scalars, n)
        Self.expectProduct(own, a, b)
        Self.expectProduct(blas, a, b)
      }
    }
    body(type)
  }

  @Test func `the measured choice is for products whose bits may depend on extents`() {
    // What was measured, with the names that OpenBLAS gives its kernels.
    func fastest(_ extent: Double, _ level: String, _ core: String) -> ProductBackend {
      ProductBackend.fastest(extent * extent * extent, level: level, core: core)
    }
    #expect(fastest(512, "x86-64-v3", "Zen") == .own)
    #expect(fastest(2048, "x86-64-v3", "Zen") == .blas)
    #expect(fastest(4096, "x86-64-v4", "SapphireRapids") == .blas)
    // Kernels of half the processor's width, and levels that were not measured.
    #expect(fastest(4096, "x86-64-v4", "Haswell") == .own)
    #expect(fastest(4096, "x86-64-v4", "Zen") == .own)
    #expect(fastest(4096, "arm64", "NeoverseN1") == .own)
    guard ProductBackend.forced == nil else { return }
    #expect(SummationOrder.fixed.backend(1 << 20, 1 << 20, 1 << 20) == .own)
    #expect(SummationOrder.any.backend(8, 8, 8) == .own)
  }

  @Test(arguments: precisions) func `a Gram matrix is symmetric to the last bit`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for order in [1, 31, 32, 33, 70, 97, 200] {
        let rows: Tensor<Scalar> = random([order, 5])
        let gram = rows.gram()
        #expect(gram == gram.transposed())
        Self.expectProduct(gram, rows, rows.transposed())
        Self.expectProduct(rows.transposed().gram(transposeSelf: true), rows, rows.transposed())
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
