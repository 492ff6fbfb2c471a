// The requirements are documented at the protocol.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

internal import CKernels
internal import CLAPACKE
internal import COpenBLAS
public import RealModule

extension Float: TensorScalar {
  // MARK: BLAS

  public static func gemm(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    BLASLibrary.prepare()
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, blasInt(m), blasInt(n), blasInt(k), alpha, a,
      blasInt(max(lda, 1)), b, blasInt(max(ldb, 1)), beta, c, blasInt(max(ldc, 1)))
  }

  public static func syrk(
    _ transpose: Bool, _ n: Int, _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int,
    _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    BLASLibrary.prepare()
    cblas_ssyrk(
      CblasRowMajor, CblasLower, transpose ? CblasTrans : CblasNoTrans, blasInt(n), blasInt(k),
      alpha, a, blasInt(max(lda, 1)), beta, c, blasInt(max(ldc, 1)))
  }

  public static func trsm(
    _ transpose: Bool, _ m: Int, _ n: Int, _ alpha: Float, _ l: UnsafePointer<Float>, _ ldl: Int,
    _ b: UnsafeMutablePointer<Float>, _ ldb: Int
  ) {
    BLASLibrary.prepare()
    cblas_strsm(
      CblasRowMajor, CblasLeft, CblasLower, transpose ? CblasTrans : CblasNoTrans, CblasNonUnit,
      blasInt(m), blasInt(n), alpha, l, blasInt(max(ldl, 1)), b, blasInt(max(ldb, 1)))
  }

  // MARK: LAPACK
  //
  // LAPACKE would transpose row-major matrices into a copy. Symmetric matrices are passed as
  // column-major with the triangle named the other way round; for the singular values the matrix
  // is passed as its transpose, whose U and Vᵀ are Vᵀ and U.

  public static func potrf(_ n: Int, _ a: UnsafeMutablePointer<Float>) -> Int {
    BLASLibrary.prepare()
    return Int(LAPACKE_spotrf(LAPACK_COL_MAJOR, upper, blasInt(n), a, blasInt(max(n, 1))))
  }

  public static func pocon(_ n: Int, _ l: UnsafePointer<Float>, _ norm: Float) -> Float {
    BLASLibrary.prepare()
    var rcond: Float = 0
    let info = LAPACKE_spocon(
      LAPACK_COL_MAJOR, upper, blasInt(n), l, blasInt(max(n, 1)), norm, &rcond)
    precondition(info == 0, "LAPACK pocon: argument \(-info)")
    return rcond
  }

  public static func syevd(
    _ n: Int, _ a: UnsafeMutablePointer<Float>, _ w: UnsafeMutablePointer<Float>
  ) -> Int {
    BLASLibrary.prepare()
    return Int(
      LAPACKE_ssyevd(LAPACK_COL_MAJOR, vectors, upper, blasInt(n), a, blasInt(max(n, 1)), w))
  }

  public static func gesdd(
    _ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Float>, _ s: UnsafeMutablePointer<Float>,
    _ u: UnsafeMutablePointer<Float>, _ vt: UnsafeMutablePointer<Float>
  ) -> Int {
    BLASLibrary.prepare()
    return Int(
      LAPACKE_sgesdd(
        LAPACK_COL_MAJOR, thin, blasInt(n), blasInt(m), a, blasInt(max(n, 1)), s, vt,
        blasInt(max(n, 1)), u, blasInt(max(min(m, n), 1))))
  }

  public static func getrf(
    _ n: Int, _ a: UnsafeMutablePointer<Float>, _ pivots: inout [Int32]
  ) -> Int {
    BLASLibrary.prepare()
    return Int(
      LAPACKE_sgetrf(LAPACK_ROW_MAJOR, blasInt(n), blasInt(n), a, blasInt(max(n, 1)), &pivots))
  }

  public static func gecon(_ n: Int, _ lu: UnsafePointer<Float>, _ norm: Float) -> Float {
    BLASLibrary.prepare()
    var rcond: Float = 0
    let info = LAPACKE_sgecon(
      LAPACK_ROW_MAJOR, oneNorm, blasInt(n), lu, blasInt(max(n, 1)), norm, &rcond)
    precondition(info >= 0, "LAPACK gecon: argument \(-info)")
    return rcond
  }

  public static func getrs(
    _ n: Int, _ columns: Int, _ lu: UnsafePointer<Float>, _ pivots: [Int32],
    _ b: UnsafeMutablePointer<Float>
  ) -> Int {
    BLASLibrary.prepare()
    return Int(
      LAPACKE_sgetrs(
        LAPACK_ROW_MAJOR, notTransposed, blasInt(n), blasInt(columns), lu, blasInt(max(n, 1)),
        pivots, b, blasInt(max(columns, 1))))
  }

  // MARK: Kernels

  public static func product(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    kernel_product_f32(
      m, n, k, alpha, a, transposeA ? 1 : lda, transposeA ? lda : 1, b, transposeB ? 1 : ldb,
      transposeB ? ldb : 1, beta, c, ldc)
  }

  public static func map(
    _ function: UnaryFunction, _ count: Int, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_map_f32(function.rawValue, count, x, y)
  }

  public static func zip(
    _ function: BinaryFunction, _ count: Int, _ x: UnsafePointer<Float>, _ xVaries: Bool,
    _ y: UnsafePointer<Float>, _ yVaries: Bool, _ z: UnsafeMutablePointer<Float>
  ) {
    kernel_zip_f32(
      function.rawValue, 1, count, x, 0, xVaries ? 1 : 0, y, 0, yVaries ? 1 : 0, z)
  }

  public static func zipRows(
    _ function: BinaryFunction, _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>,
    _ xStrides: RowStrides, _ y: UnsafePointer<Float>, _ yStrides: RowStrides,
    _ z: UnsafeMutablePointer<Float>
  ) {
    kernel_zip_f32(
      function.rawValue, rows, columns, x, xStrides.row, xStrides.column, y, yStrides.row,
      yStrides.column, z)
  }

  public static func affine(
    _ count: Int, _ a: Float, _ x: UnsafePointer<Float>, _ b: Float,
    _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_affine_f32(count, a, x, b, y)
  }

  public static func axpy(
    _ count: Int, _ a: Float, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_axpy_f32(count, a, x, y)
  }

  public static func addOuter(
    _ rows: Int, _ columns: Int, _ a: Float, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>,
    _ z: UnsafeMutablePointer<Float>
  ) {
    kernel_add_outer_f32(rows, columns, a, x, y, z)
  }

  public static func multiplyAdd(
    _ count: Int, _ x: UnsafePointer<Float>, _ c: Float, _ y: UnsafePointer<Float>,
    _ z: UnsafeMutablePointer<Float>
  ) {
    kernel_multiply_add_f32(count, x, c, y, z)
  }

  public static func multiplyBySum(
    _ count: Int, _ x: UnsafePointer<Float>, _ c: Float, _ z: UnsafeMutablePointer<Float>
  ) {
    kernel_multiply_by_sum_f32(count, x, c, z)
  }

  public static func addSquareNorms(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Double>
  ) {
    kernel_add_square_norms_f32(rows, columns, x, y)
  }

  public static func scaleRows(
    _ rows: Int, _ columns: Int, _ a: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_scale_rows_f32(rows, columns, a, y)
  }

  public static func addMoments(
    _ count: Int, _ x: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Double>
  ) {
    kernel_add_moments_f32(count, x, sums)
  }

  public static func countNonzeros(_ x: UnsafeBufferPointer<Float>) -> Int {
    guard let base = x.baseAddress else { return 0 }
    return kernel_count_nonzeros_f32(x.count, base)
  }

  public static func findOutside(
    _ count: Int, _ x: UnsafePointer<Float>, low: Double, high: Double,
    _ places: UnsafeMutablePointer<Int32>, _ values: UnsafeMutablePointer<Double>
  ) -> Int {
    kernel_find_outside_f32(count, x, low, high, places, values)
  }

  public static func sum(_ count: Int, _ x: UnsafePointer<Float>) -> Float {
    kernel_sum_f32(count, x)
  }

  public static func addDots(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>,
    _ z: UnsafeMutablePointer<Float>, _ stride: Int
  ) {
    kernel_add_dots_f32(rows, columns, x, y, z, stride)
  }

  public static func sumRows(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_sum_rows_f32(rows, columns, x, y)
  }

  public static func sumColumns(
    _ blocks: Int, _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_sum_columns_f32(blocks, rows, columns, x, y)
  }

  public static func dot(_ count: Int, _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>)
    -> Float
  {
    kernel_dot_f32(count, x, y)
  }

  public static func maximum(_ count: Int, _ x: UnsafePointer<Float>) -> Float {
    kernel_max_f32(count, x)
  }

  public static func allFinite(_ x: UnsafeBufferPointer<Float>) -> Bool {
    guard let base = x.baseAddress else { return true }
    return kernel_all_finite_f32(x.count, base) != 0
  }

  public static func logSumExp(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_log_sum_exp_f32(rows, columns, x, y)
  }

  public static func softmax(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_softmax_f32(rows, columns, x, y)
  }

  public static func crossEntropy(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_cross_entropy_f32(rows, columns, x, labels, y)
  }

  public static func crossEntropyGradient(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_cross_entropy_gradient_f32(rows, columns, x, labels, y)
  }

  public static func transpose(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ ldx: Int,
    _ y: UnsafeMutablePointer<Float>, _ ldy: Int
  ) {
    kernel_transpose_f32(rows, columns, x, ldx, y, ldy)
  }

  public static func compress(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Float>, _ ldx: Int,
    _ index: UnsafeMutablePointer<Int32>, _ value: UnsafeMutablePointer<Float>,
    _ start: UnsafeMutablePointer<Int>
  ) -> Int {
    kernel_compress_f32(rows, columns, x, ldx, index, value, start)
  }

  public static var panelWidth: Int { Int(KERNEL_PANEL_F32) }

  public static func sparseProduct(
    _ rows: Int, _ columns: Int, _ n: Int, _ index: UnsafePointer<Int32>,
    _ value: UnsafePointer<Float>, _ start: UnsafePointer<Int>, _ panel: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ ldy: Int
  ) {
    kernel_sparse_product_f32(rows, columns, n, index, value, start, panel, y, ldy)
  }

  public static func unfold(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_unfold_f32(planes, windows.rows.kernel, windows.columns.kernel, x, y)
  }

  public static func fold(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_fold_f32(planes, windows.rows.kernel, windows.columns.kernel, x, y)
  }

  public static func maxPool(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_max_pool_f32(planes, windows.rows.kernel, windows.columns.kernel, x, y)
  }

  public static func windowSelect(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Float>, _ v: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_window_select_f32(planes, windows.rows.kernel, windows.columns.kernel, x, v, y)
  }

  public static func windowScatter(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Float>, _ v: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    kernel_window_scatter_f32(planes, windows.rows.kernel, windows.columns.kernel, x, v, y)
  }

  public static func cast<Other: TensorScalar>(_ values: [Float]) -> [Other] {
    values.map { Other($0) }
  }
}
