import TensorCore

/// The nonzero inputs of a block of items, for products that skip zeros.
///
/// Pixels and counts are mostly zero; below about a third of nonzeros a product over them alone is
/// faster than the dense one.
struct SparseRows<Scalar: TensorScalar> {
  /// The share of nonzeros below which the product over nonzeros wins.
  static var worthwhileDensity: Double { 0.3 }
  /// Columns of one panel: its part of the other operand stays in the second-level cache.
  private static var panel: Int { 128 }
  /// Rows whose results are transposed together.
  private static var strip: Int { 16 }

  private let columns: Int
  private let index: AlignedBuffer<Int32>
  private let value: AlignedBuffer<Scalar>
  private let start: AlignedBuffer<Int>
  private let strips: AlignedBuffer<Scalar>

  init(rows: Int, columns: Int) {
    self.columns = columns
    index = AlignedBuffer(rows * columns + 16, filledWith: 0)
    value = AlignedBuffer(rows * columns + 16, filledWith: 0)
    start = AlignedBuffer(rows + 1, filledWith: 0)
    strips = AlignedBuffer(Self.strip * Self.panel, filledWith: 0)
  }

  /// The share of nonzeros among some values.
  static func density(_ values: UnsafeBufferPointer<Scalar>) -> Double {
    values.isEmpty ? 1 : Double(Scalar.countNonzeros(values)) / Double(values.count)
  }

  /// Takes the nonzeros of the rows of a block; missing rows are empty.
  func load(_ inputs: UnsafePointer<Scalar>, rows: Int) {
    let count = Scalar.compress(
      rows, columns, inputs, columns, index.base, value.base, start.base)
    for row in rows..<start.count { start.base[row] = count }
  }

  /// y `[columns, batch]` = (rows · b[:, columns])ᵀ for b `[I, …]` with row stride `ldb`.
  func product(
    _ b: UnsafePointer<Scalar>, columns: Range<Int>, ldb: Int, batch: Int,
    into y: UnsafeMutablePointer<Scalar>
  ) {
    var column = columns.lowerBound
    while column < columns.upperBound {
      let width = min(Self.panel, columns.upperBound - column)
      var row = 0
      while row < batch {
        let height = min(Self.strip, batch - row)
        Scalar.sparseProduct(
          height, width, index.base, value.base, start.base + row, b + column, ldb, strips.base,
          width)
        Scalar.transpose(
          height, width, strips.base, width,
          y + (column - columns.lowerBound) * batch + row, batch)
        row += height
      }
      column += width
    }
  }
}
