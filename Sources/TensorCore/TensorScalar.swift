public import RealModule

/// The two scalar types of the library, and the door from them to BLAS, LAPACK and the kernels.
///
/// Only `Float` and `Double` conform. The requirements work in bulk on contiguous memory, so that
/// generic code pays one dispatch for many elements. They check nothing: the callers in this module
/// do (``MatrixProduct``, ``Tensor``), and every other module goes through those.
public protocol TensorScalar: Real, BinaryFloatingPoint, BitwiseCopyable, Sendable {
  // MARK: BLAS, row-major

  /// C = alpha · op(A) · op(B) + beta · C. `[m, n]`, inner extent k, row strides `ld…`.
  static func gemm(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self,
    _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self,
    _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

  /// The lower triangle of C = alpha · A · Aᵀ + beta · C (or Aᵀ · A) for C `[n, n]`.
  static func syrk(
    _ transpose: Bool, _ n: Int, _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int,
    _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

  /// B = alpha · op(L)⁻¹ · B for a lower triangle L `[m, m]` and B `[m, n]`.
  static func trsm(
    _ transpose: Bool, _ m: Int, _ n: Int, _ alpha: Self, _ l: UnsafePointer<Self>, _ ldl: Int,
    _ b: UnsafeMutablePointer<Self>, _ ldb: Int)

  // MARK: LAPACK, each returning LAPACK's `info`

  /// Cholesky: the lower triangle of A `[n, n]` becomes L.
  static func potrf(_ n: Int, _ a: UnsafeMutablePointer<Self>) -> Int
  /// The reciprocal condition number (1-norm) of L·Lᵀ, given the norm of the matrix.
  static func pocon(_ n: Int, _ l: UnsafePointer<Self>, _ norm: Self) -> Self
  /// Symmetric eigenvalues, ascending; row i of A becomes the eigenvector of value i.
  static func syevd(_ n: Int, _ a: UnsafeMutablePointer<Self>, _ w: UnsafeMutablePointer<Self>)
    -> Int
  /// Thin SVD of A `[m, n]`, destroyed: U `[m, r]`, s `[r]`, Vᵀ `[r, n]`, r = min(m, n).
  static func gesdd(
    _ m: Int, _ n: Int, _ a: UnsafeMutablePointer<Self>, _ s: UnsafeMutablePointer<Self>,
    _ u: UnsafeMutablePointer<Self>, _ vt: UnsafeMutablePointer<Self>
  ) -> Int
  /// LU with partial pivoting of A `[n, n]`.
  static func getrf(_ n: Int, _ a: UnsafeMutablePointer<Self>, _ pivots: inout [Int32]) -> Int
  /// The reciprocal condition number (1-norm) from the LU factors, given the norm of the matrix.
  static func gecon(_ n: Int, _ lu: UnsafePointer<Self>, _ norm: Self) -> Self
  /// Solves with the LU factors, B `[n, columns]` in place.
  static func getrs(
    _ n: Int, _ columns: Int, _ lu: UnsafePointer<Self>, _ pivots: [Int32],
    _ b: UnsafeMutablePointer<Self>
  ) -> Int

  // MARK: Kernels

  /// C = alpha · op(A) · op(B) + beta · C, `[m, n]`, by the package's own kernels.
  ///
  /// Each element is summed over k in runs of equal length, 256 at most; within a run one fused
  /// multiply-add follows the other.
  static func product(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self,
    _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self,
    _ c: UnsafeMutablePointer<Self>, _ ldc: Int)
  /// y = f(x), elementwise; y may be x.
  static func map(
    _ function: UnaryFunction, _ count: Int, _ x: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>)
  /// z = f(x, y), elementwise; an operand with `false` beside it is one scalar.
  static func zip(
    _ function: BinaryFunction, _ count: Int, _ x: UnsafePointer<Self>, _ xVaries: Bool,
    _ y: UnsafePointer<Self>, _ yVaries: Bool, _ z: UnsafeMutablePointer<Self>)
  /// z = f(x, y) for z `[rows, columns]`; the operands have strides of their own.
  static func zipRows(
    _ function: BinaryFunction, _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>,
    _ xStrides: RowStrides, _ y: UnsafePointer<Self>, _ yStrides: RowStrides,
    _ z: UnsafeMutablePointer<Self>)
  /// y = a · x + b.
  static func affine(
    _ count: Int, _ a: Self, _ x: UnsafePointer<Self>, _ b: Self, _ y: UnsafeMutablePointer<Self>)
  /// y += a · x.
  static func axpy(
    _ count: Int, _ a: Self, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// z += a · x · yᵀ for z `[rows, columns]`.
  static func addOuter(
    _ rows: Int, _ columns: Int, _ a: Self, _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>,
    _ z: UnsafeMutablePointer<Self>)
  /// z += (x + c) · y.
  static func multiplyAdd(
    _ count: Int, _ x: UnsafePointer<Self>, _ c: Self, _ y: UnsafePointer<Self>,
    _ z: UnsafeMutablePointer<Self>)
  /// z *= x + c.
  static func multiplyBySum(
    _ count: Int, _ x: UnsafePointer<Self>, _ c: Self, _ z: UnsafeMutablePointer<Self>)
  /// y[r] += |x[r, :]|² in double precision, so that small gradients do not underflow.
  static func addSquareNorms(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Double>)
  /// y[r, :] *= a[r].
  static func scaleRows(
    _ rows: Int, _ columns: Int, _ a: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// Adds Σ x, Σ |x|, Σ x², Σ |x| log |x| in double precision to four sums.
  static func addMoments(
    _ count: Int, _ x: UnsafePointer<Self>, to sums: UnsafeMutablePointer<Double>)
  /// The number of elements that are not zero.
  static func countNonzeros(_ x: UnsafeBufferPointer<Self>) -> Int
  /// The places and values of elements at most `low` or at least `high`, in order; returns how many.
  ///
  /// `places` and `values` have room for `count` + 1.
  static func findOutside(
    _ count: Int, _ x: UnsafePointer<Self>, low: Double, high: Double,
    _ places: UnsafeMutablePointer<Int32>, _ values: UnsafeMutablePointer<Double>
  ) -> Int
  /// The sum in a fixed order, the same for any alignment.
  static func sum(_ count: Int, _ x: UnsafePointer<Self>) -> Self
  /// Adds the inner product of each row of x `[rows, columns]` with y to z, `stride` apart.
  static func addDots(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>,
    _ z: UnsafeMutablePointer<Self>, _ stride: Int)
  /// y `[rows]`, the sum of each row of x, in a fixed order.
  static func sumRows(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// y `[blocks, columns]`, the sum of each block's rows of x `[blocks, rows, columns]`, in order.
  static func sumColumns(
    _ blocks: Int, _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>)
  /// The inner product in a fixed order.
  static func dot(_ count: Int, _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>) -> Self
  /// The largest element; −∞ of nothing, NaN where one is NaN.
  static func maximum(_ count: Int, _ x: UnsafePointer<Self>) -> Self
  /// Whether no element is NaN or infinite.
  static func allFinite(_ x: UnsafeBufferPointer<Self>) -> Bool
  /// log Σ exp of each row of x `[rows, columns]`.
  static func logSumExp(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// softmax of each row; y may be x.
  static func softmax(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// −log softmax(x)[label] of each row; 0 where the label is negative.
  static func crossEntropy(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>,
    _ y: UnsafeMutablePointer<Self>)
  /// softmax(x) − onehot(label) of each row without cancellation; 0 where the label is negative.
  static func crossEntropyGradient(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ labels: UnsafePointer<Int32>,
    _ y: UnsafeMutablePointer<Self>)
  /// y `[columns, rows]` = xᵀ with row strides.
  static func transpose(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ ldx: Int,
    _ y: UnsafeMutablePointer<Self>, _ ldy: Int)
  /// The nonzeros of each row; `index` and `value` hold rows · columns, `start` rows + 1.
  static func compress(
    _ rows: Int, _ columns: Int, _ x: UnsafePointer<Self>, _ ldx: Int,
    _ index: UnsafeMutablePointer<Int32>, _ value: UnsafeMutablePointer<Self>,
    _ start: UnsafeMutablePointer<Int>
  ) -> Int
  /// The row length of a panel in ``sparseProduct(_:_:_:_:_:_:_:_:_:)``.
  static var panelWidth: Int { get }
  /// y `[rows, n]` = S · panel for compressed rows S of so many columns.
  ///
  /// The panel is `[columns, panelWidth]`, of which the first n are used.
  static func sparseProduct(
    _ rows: Int, _ columns: Int, _ n: Int, _ index: UnsafePointer<Int32>,
    _ value: UnsafePointer<Self>, _ start: UnsafePointer<Int>, _ panel: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>, _ ldy: Int)
  /// y `[planes, h · w, H' · W']`, the elements of each window of x `[planes, H, W]`.
  static func unfold(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// The transpose of ``unfold(_:_:_:_:)``: elements that share a place are added.
  static func fold(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// y `[planes, H', W']`, the largest element of each window; NaN where one is NaN.
  static func maxPool(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>)
  /// y `[planes, H', W']`, the element of v where x has the first largest one of each window.
  static func windowSelect(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Self>, _ v: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>)
  /// The transpose of ``windowSelect(_:_:_:_:_:)`` for v: y `[planes, H, W]`.
  static func windowScatter(
    _ planes: Int, _ windows: Windows, _ x: UnsafePointer<Self>, _ v: UnsafePointer<Self>,
    _ y: UnsafeMutablePointer<Self>)
  /// The values in another precision, rounded.
  static func cast<Other: TensorScalar>(_ values: [Self]) -> [Other]
}

/// Elementwise functions of one argument that have a kernel.
public enum UnaryFunction: Int32, Sendable, CaseIterable {
  /// The raw values are those of `CKernels.h`.
  case negate, exp, log, tanh, sigmoid, relu, step, erf, sqrt, reciprocal, square, copy
  /// The magnitude, and −1, 0 or 1.
  case abs, sign
  /// To whole numbers: down, up, towards zero, to the nearest with halves to the even one.
  case floor, ceil, truncate, round
  /// exp(x) − 1 and log(1 + x), exact near zero.
  case expMinusOne, logOnePlus
  /// Of angles in radians, and their inverses.
  case sin, cos, tan, asin, acos, atan
  /// Hyperbolic, and their inverses.
  case sinh, cosh, asinh, acosh, atanh
}

/// Elementwise functions of two arguments that have a kernel.
public enum BinaryFunction: Int32, Sendable, CaseIterable {
  /// The raw values are those of `CKernels.h`.
  case add, subtract, multiply, divide
  /// 1 where it holds, else 0.
  case less, lessOrEqual, equal
  /// The larger and the smaller; NaN where one is NaN.
  case maximum, minimum
  /// x to the power y.
  case power
  /// y where x is not 0, else 0.
  case mask
}

/// How an operand moves while a kernel goes over rows and columns.
public struct RowStrides: Sendable {
  /// Elements from one row to the next.
  public var row: Int
  /// Elements from one column to the next, 0 or 1.
  public var column: Int

  /// These strides.
  public init(row: Int, column: Int) {
    self.row = row
    self.column = column
  }
}
