import TensorCore
import Testing

/// The check that tells a BLAS that computes wrongly, fed with ones that do.
@Suite struct BLASCheckTests {
  @Test func `the library at work is right`() throws {
    #expect(BLASCheck<Float>().fault == nil)
    #expect(BLASCheck<Double>().fault == nil)
    try BLASLibrary.requireRightness()
  }

  /// The tolerance is 64 roundings of a sum of at most 40 products, 3e-4 in single precision.
  @Test func `a product with one wrong element is found`() {
    var check = BLASCheck<Float>()
    check.routines.gemm = { tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc in
      Float.gemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
      if m == 37, tB { c[36 * ldc + 28] += 1e-3 }
    }
    #expect(check.fault == "sgemm")
  }

  @Test func `every routine is looked at`() {
    func fault(_ change: (inout BLASCheck<Double>.Routines) -> Void) -> String? {
      var check = BLASCheck<Double>()
      change(&check.routines)
      return check.fault
    }
    #expect(fault { $0.syrk = { _, _, _, _, _, _, _, _, _ in } } == "dsyrk")
    #expect(fault { $0.trsm = { _, _, _, _, _, _, _, _ in } } == "dpotrf or trsm")
    #expect(fault { $0.potrf = { _, _ in 0 } } == "dpotrf or trsm")
    #expect(fault { $0.potrf = { _, _ in 3 } } == "dpotrf or trsm")
    #expect(fault { $0.getrf = { _, _, _ in 0 } } == "dgetrf or getrs")
    #expect(fault { $0.getrs = { _, _, _, _, _ in 0 } } == "dgetrf or getrs")
    #expect(fault { $0.syevd = { _, _, _ in 0 } } == "dsyevd")
    #expect(fault { $0.gesdd = { _, _, _, _, _, _ in 0 } } == "dgesdd")
  }

  @Test func `the error names the library, its kernels and the remedy`() {
    let error = NumericError.wrongLibrary(name: "OpenBLAS 0.3", kernels: "Zen", what: "sgemm")
    let text = "\(error)"
    for word in ["sgemm", "OpenBLAS 0.3", "Zen", "OPENBLAS_CORETYPE"] {
      #expect(text.contains(word))
    }
  }
}
