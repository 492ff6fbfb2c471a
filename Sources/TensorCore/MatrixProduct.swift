/// The one door to matrix products: shapes are checked here, then BLAS does the work, or a kernel of
/// our own for extents at which BLAS spends its time on packing.
public enum MatrixProduct {
  /// C = alpha · op(A) · op(B) + beta · C, where C is `[m, n]` and the inner extent is k.
  ///
  /// The pointers address row-major matrices with row strides; the buffers' bounds are checked
  /// against the extents. With `beta` 0 the old C is not read.
  ///
  /// - Complexity: 2 · m · n · k floating-point operations.
  @inline(__always)
  public static func gemm<Scalar: TensorScalar>(
    _ a: UnsafeBufferPointer<Scalar>, transposeA: Bool = false, lda: Int? = nil,
    _ b: UnsafeBufferPointer<Scalar>, transposeB: Bool = false, ldb: Int? = nil,
    m: Int, n: Int, k: Int, alpha: Scalar = 1, beta: Scalar = 0,
    into c: UnsafeMutableBufferPointer<Scalar>, ldc: Int? = nil
  ) {
    let lda = lda ?? (transposeA ? m : k)
    let ldb = ldb ?? (transposeB ? k : n)
    let ldc = ldc ?? n
    guard m > 0, n > 0, let cBase = c.baseAddress else { return }
    check(c.count, rows: m, columns: n, stride: ldc, "C")
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
    check(a.count, rows: transposeA ? k : m, columns: transposeA ? m : k, stride: lda, "A")
    check(b.count, rows: transposeB ? n : k, columns: transposeB ? k : n, stride: ldb, "B")
    Scalar.gemm(
      transposeA, transposeB, m, n, k, alpha, aBase, lda, bBase, ldb, beta, cBase, ldc)
  }

  /// Whether our own kernel multiplies faster than BLAS.
  ///
  /// OpenBLAS packs both operands, which pays where B is large. Where B's rows are
  /// runs it has kernels that do not pack, for at most a million multiplications.
  @inline(__always)
  static func isMiddling(_ m: Int, _ n: Int, _ k: Int, _ transposeB: Bool) -> Bool {
    guard m >= 16, n >= 32, k >= 8, min(n, k) <= 1024 else { return false }
    return transposeB || Double(m) * Double(n) * Double(k) > 1_000_000
  }

  @usableFromInline
  static func check(_ count: Int, rows: Int, columns: Int, stride: Int, _ name: String) {
    precondition(
      stride >= columns && count >= (rows - 1) * stride + columns,
      "gemm: \(name) has \(count) elements for \(rows) × \(columns) with row stride \(stride)")
  }

  /// The same product by three plain loops in the stated precision, for tests.
  package static func reference<Scalar: TensorScalar>(
    _ a: Tensor<Scalar>, transposeA: Bool = false, _ b: Tensor<Scalar>, transposeB: Bool = false
  ) -> Tensor<Scalar> {
    let (m, n, k) = extents(a.shape, transposeA, b.shape, transposeB)
    var c = Tensor<Scalar>([m, n])
    for i in 0..<m {
      for j in 0..<n {
        var sum: Scalar = 0
        for p in 0..<k {
          sum += (transposeA ? a[p, i] : a[i, p]) * (transposeB ? b[j, p] : b[p, j])
        }
        c[i, j] = sum
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
  /// - Precondition: The inner extents agree.
  public func matmul(
    _ other: Tensor, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> Tensor {
    let (m, n, k) = MatrixProduct.extents(shape, transposeSelf, other.shape, transposeOther)
    var product = Tensor([m, n])
    scalars.withUnsafeBufferPointer { a in
      other.scalars.withUnsafeBufferPointer { b in
        product.scalars.withUnsafeMutableBufferPointer { c in
          MatrixProduct.gemm(
            a, transposeA: transposeSelf, b, transposeB: transposeOther, m: m, n: n, k: k, into: c)
        }
      }
    }
    return product
  }
}
