/// The one door to matrix products: shapes are checked here, then the package's kernels or BLAS do
/// the work.
public enum MatrixProduct {
  /// C = alpha · op(A) · op(B) + beta · C, where C is `[m, n]` and the inner extent is k.
  ///
  /// The pointers address row-major matrices with row strides; the buffers' bounds are checked
  /// against the extents. With `beta` 0 the old C is not read.
  ///
  /// - Parameter order: What the bits of an element may depend on.
  /// - Complexity: 2 · m · n · k floating-point operations.
  @inlinable @inline(__always)
  public static func gemm<Scalar: TensorScalar>(
    _ a: UnsafeBufferPointer<Scalar>, transposeA: Bool = false, lda: Int? = nil,
    _ b: UnsafeBufferPointer<Scalar>, transposeB: Bool = false, ldb: Int? = nil,
    m: Int, n: Int, k: Int, alpha: Scalar = 1, beta: Scalar = 0,
    into c: UnsafeMutableBufferPointer<Scalar>, ldc: Int? = nil, order: SummationOrder = .fixed
  ) {
    let lda = lda ?? (transposeA ? m : k)
    let ldb = ldb ?? (transposeB ? k : n)
    let ldc = ldc ?? n
    guard m > 0, n > 0, let cBase = c.baseAddress else { return }
    check(c.count, rows: m, columns: n, stride: ldc, "C")
    if k > 0 {
      check(a.count, rows: transposeA ? k : m, columns: transposeA ? m : k, stride: lda, "A")
      check(b.count, rows: transposeB ? n : k, columns: transposeB ? k : n, stride: ldb, "B")
    }
    guard k > 0, let aBase = a.baseAddress, let bBase = b.baseAddress else {
      for row in 0..<m {
        let base = cBase + row * ldc
        if beta == 0 {
          base.update(repeating: 0, count: n)
        } else {
          Scalar.affine(n, beta, base, 0, base)
        }
      }
      return
    }
    unchecked(
      transposeA, transposeB, m, n, k, alpha, aBase, lda, bBase, ldb, beta, cBase, ldc,
      order: order)
  }

  /// The same for pointers that the caller has checked.
  @inlinable @inline(__always)
  public static func unchecked<Scalar: TensorScalar>(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Scalar,
    _ a: UnsafePointer<Scalar>, _ lda: Int, _ b: UnsafePointer<Scalar>, _ ldb: Int, _ beta: Scalar,
    _ c: UnsafeMutablePointer<Scalar>, _ ldc: Int, order: SummationOrder = .fixed
  ) {
    switch order.backend(m, n, k) {
    case .own:
      Scalar.product(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    case .blas:
      Scalar.gemm(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    }
  }

  @usableFromInline
  static func check(_ count: Int, rows: Int, columns: Int, stride: Int, _ name: String) {
    precondition(
      stride >= columns && count >= (rows - 1) * stride + columns,
      "gemm: \(name) has \(count) elements for \(rows) × \(columns) with row stride \(stride)")
  }

  /// The same product by plain loops in the order of ``SummationOrder/fixed``, for tests.
  ///
  /// - Parameter fuses: Whether a multiplication and an addition are rounded once, as they are on
  ///   every processor that is not older than fused multiply-adds.
  package static func reference<Scalar: TensorScalar>(
    _ a: Tensor<Scalar>, transposeA: Bool = false, _ b: Tensor<Scalar>, transposeB: Bool = false,
    alpha: Scalar = 1, beta: Scalar = 0, _ old: Tensor<Scalar>? = nil,
    fuses: Bool = Kernels.level != "baseline"
  ) -> Tensor<Scalar> {
    let (m, n, k) = extents(a.shape, transposeA, b.shape, transposeB)
    func add(_ x: Scalar, _ y: Scalar, to sum: Scalar) -> Scalar {
      fuses ? sum.addingProduct(x, y) : sum + x * y
    }
    let runs = max((k + 255) / 256, 1)
    let length = max((k + runs - 1) / runs, 1)
    var c = Tensor<Scalar>([m, n])
    for i in 0..<m {
      for j in 0..<n {
        for start in stride(from: 0, to: max(k, 1), by: length) {
          var sum: Scalar = 0
          for p in start..<min(start + length, k) {
            sum = add(transposeA ? a[p, i] : a[i, p], transposeB ? b[j, p] : b[p, j], to: sum)
          }
          let before = start > 0 ? c[i, j] : beta == 0 ? 0 : beta * (old?[i, j] ?? 0)
          c[i, j] = start == 0 && beta == 0 ? alpha * sum : add(alpha, sum, to: before)
        }
      }
    }
    return c
  }

  fileprivate static func extents(
    _ a: Shape, _ transposeA: Bool, _ b: Shape, _ transposeB: Bool
  ) -> (m: Int, n: Int, k: Int) {
    precondition(a.rank == 2 && b.rank == 2, "a matrix product of \(a) and \(b)")
    let (m, k) = transposeA ? (a[1], a[0]) : (a[0], a[1])
    let (kB, n) = transposeB ? (b[1], b[0]) : (b[0], b[1])
    precondition(k == kB, "a matrix product of \(a) and \(b): inner extents \(k) and \(kB)")
    return (m, n, k)
  }
}

extension Tensor {
  /// The matrix product op(self) · op(other) of two rank-2 tensors.
  ///
  /// - Parameter order: What the bits of an element may depend on.
  /// - Precondition: The inner extents agree.
  public func matmul(
    _ other: Tensor, transposeSelf: Bool = false, transposeOther: Bool = false,
    order: SummationOrder = .fixed
  ) -> Tensor {
    let (m, n, k) = MatrixProduct.extents(shape, transposeSelf, other.shape, transposeOther)
    var product = Tensor([m, n])
    scalars.withUnsafeBufferPointer { a in
      other.scalars.withUnsafeBufferPointer { b in
        product.scalars.withUnsafeMutableBufferPointer { c in
          MatrixProduct.gemm(
            a, transposeA: transposeSelf, b, transposeB: transposeOther, m: m, n: n, k: k, into: c,
            order: order)
        }
      }
    }
    return product
  }
}
