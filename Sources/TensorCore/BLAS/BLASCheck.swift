/// Known products and small factorizations against plain loops, in well under a millisecond.
///
/// OpenBLAS picks its kernels by the processor's name. Builds that are older than a processor have
/// been seen to pick kernels that compute wrongly on it, without a word.
package struct BLASCheck<Scalar: TensorScalar> {
  /// What is checked; tests put a wrong one in.
  package struct Routines {
    package var gemm = Scalar.gemm
    package var syrk = Scalar.syrk
    package var trsm = Scalar.trsm
    package var potrf = Scalar.potrf
    package var getrf = Scalar.getrf
    package var getrs = Scalar.getrs
    package var syevd = Scalar.syevd
    package var gesdd = Scalar.gesdd
  }

  package var routines = Routines()

  package init() {}

  /// The first routine that computes wrongly, such as "sgemm"; nil where all are right.
  package var fault: String? {
    let prefix = Scalar.self == Float.self ? "s" : "d"
    let checks: [(String, () -> Bool)] = [
      ("gemm", gemmIsRight), ("syrk", syrkIsRight), ("potrf or trsm", choleskyIsRight),
      ("getrf or getrs", solveIsRight), ("syevd", eigenvaluesAreRight),
      ("gesdd", singularValuesAreRight),
    ]
    return checks.first { !$0.1() }.map { prefix + $0.0 }
  }

  /// Extents that fill tiles of every known kernel and leave edges.
  private static var extents: [(m: Int, n: Int, k: Int)] { [(37, 29, 19), (4, 7, 40)] }
  private static var order: Int { 13 }

  /// Numbers that are not alike: a walk around the unit interval.
  private func numbers(_ count: Int, _ start: Double) -> [Scalar] {
    (0..<count).map { index in
      let turn = start + Double(index) * 0.618_033_988_749_895
      return Scalar(turn - turn.rounded(.down) - 0.5)
    }
  }

  /// Σ_p a[i, p] · b[j, p] in double precision.
  private func product(_ a: [Scalar], _ b: [Scalar], _ i: Int, _ j: Int, _ k: Int) -> Double {
    (0..<k).reduce(0) { $0 + Double(a[i * k + $1]) * Double(b[j * k + $1]) }
  }

  private func isNear(_ x: Scalar, _ y: Double, _ size: Double) -> Bool {
    abs(Double(x) - y) <= 64 * Double(Scalar.ulpOfOne) * size
  }

  private func transposed(_ a: [Scalar], _ rows: Int, _ columns: Int) -> [Scalar] {
    (0..<columns).flatMap { column in (0..<rows).map { a[$0 * columns + column] } }
  }

  private func gemmIsRight() -> Bool {
    Self.extents.allSatisfy { m, n, k in
      let (a, b) = (numbers(m * k, 0.1), numbers(n * k, 0.7))
      let (across, down) = (transposed(a, m, k), transposed(b, n, k))
      return [(false, false), (false, true), (true, false), (true, true)].allSatisfy {
        transposeA, transposeB in
        var c = [Scalar](repeating: 1, count: m * n)
        routines.gemm(
          transposeA, transposeB, m, n, k, 2, transposeA ? across : a, transposeA ? m : k,
          transposeB ? b : down, transposeB ? k : n, -1, &c, n)
        return (0..<m * n).allSatisfy {
          isNear(c[$0], 2 * product(a, b, $0 / n, $0 % n, k) - 1, Double(k))
        }
      }
    }
  }

  private func syrkIsRight() -> Bool {
    Self.extents.allSatisfy { m, _, k in
      let a = numbers(m * k, 0.3)
      var c = [Scalar](repeating: 0, count: m * m)
      routines.syrk(false, m, k, 1, a, k, 0, &c, m)
      return (0..<m).allSatisfy { i in
        (0...i).allSatisfy { isNear(c[i * m + $0], product(a, a, i, $0, k), Double(k)) }
      }
    }
  }

  /// A · Aᵀ + I for numbers A, positive definite with a condition of at most some tens.
  private func definite() -> [Scalar] {
    let n = Self.order, a = numbers(n * n, 0.2)
    return (0..<n * n).map {
      Scalar(product(a, a, $0 / n, $0 % n, n) + ($0 / n == $0 % n ? 1 : 0))
    }
  }

  /// Whether the matrix times x is the right-hand side.
  private func solves(_ matrix: [Scalar], _ x: [Scalar], _ right: [Scalar]) -> Bool {
    let n = Self.order
    return (0..<n).allSatisfy { isNear(right[$0], product(matrix, x, $0, 0, n), Double(4 * n)) }
  }

  private func choleskyIsRight() -> Bool {
    let n = Self.order, matrix = definite(), right = numbers(n, 0.4)
    var (lower, x) = (matrix, right)
    guard routines.potrf(n, &lower) == 0 else { return false }
    routines.trsm(false, n, 1, 1, lower, n, &x, 1)
    routines.trsm(true, n, 1, 1, lower, n, &x, 1)
    return solves(matrix, x, right)
  }

  private func solveIsRight() -> Bool {
    let n = Self.order, right = numbers(n, 0.6)
    var matrix = definite()
    // Not symmetric, so that rows are told from columns.
    matrix[n - 1] += 1
    var (factors, x, pivots) = (matrix, right, [Int32](repeating: 0, count: n))
    // Rows are swapped as the pivots say: others than these would lead out of the memory.
    guard routines.getrf(n, &factors, &pivots) == 0, pivots.allSatisfy({ 1...n ~= Int($0) }),
      routines.getrs(n, 1, factors, pivots, &x) == 0
    else { return false }
    return solves(matrix, x, right)
  }

  private func eigenvaluesAreRight() -> Bool {
    let n = Self.order, matrix = definite()
    var (rows, values) = (matrix, [Scalar](repeating: 0, count: n))
    guard routines.syevd(n, &rows, &values) == 0 else { return false }
    return (0..<n).allSatisfy { i in
      isNear(1, product(rows, rows, i, i, n), Double(4 * n))
        && (0..<n).allSatisfy { column in
          let image = product(rows, matrix, i, column, n)
          return isNear(rows[i * n + column] * values[i], image, Double(4 * n))
        }
    }
  }

  private func singularValuesAreRight() -> Bool {
    let (m, n) = (Self.order + 4, Self.order)
    let matrix = numbers(m * n, 0.9)
    var (a, s) = (matrix, [Scalar](repeating: 0, count: n))
    var (u, vt) = ([Scalar](repeating: 0, count: m * n), [Scalar](repeating: 0, count: n * n))
    guard routines.gesdd(m, n, &a, &s, &u, &vt) == 0 else { return false }
    let scaled = (0..<m * n).map { u[$0] * s[$0 % n] }
    let v = transposed(vt, n, n)
    return (0..<m * n).allSatisfy {
      isNear(matrix[$0], product(scaled, v, $0 / n, $0 % n, n), Double(4 * n))
    }
  }
}
