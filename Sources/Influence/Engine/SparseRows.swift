import TensorCore

/// The nonzero inputs of a block of items, for products that skip zeros.
///
/// Pixels and counts are mostly zero; below about two fifths of nonzeros a product over them alone
/// is faster than the dense one.
struct SparseRows<Scalar: TensorScalar> {
  /// The share of nonzeros below which the product over nonzeros wins.
  static var worthwhileDensity: Double { 0.4 }

  let rows: Int
  private let columns: Int
  private let index: AlignedBuffer<Int32>
  private let value: AlignedBuffer<Scalar>
  private let start: AlignedBuffer<Int>
  private let strip: AlignedBuffer<Scalar>

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    index = AlignedBuffer(rows * columns, filledWith: 0)
    value = AlignedBuffer(rows * columns, filledWith: 0)
    start = AlignedBuffer(rows + 1, filledWith: 0)
    strip = AlignedBuffer(rows * Scalar.panelWidth, filledWith: 0)
  }

  /// Elements of memory that rows take, indices counted as elements.
  static func memoryCount(rows: Int, columns: Int) -> Int {
    2 * rows * columns + rows * Scalar.panelWidth
  }

  /// The share of nonzeros among some values.
  static func density(_ values: UnsafeBufferPointer<Scalar>) -> Double {
    values.isEmpty ? 1 : Double(Scalar.countNonzeros(values)) / Double(values.count)
  }

  /// Takes the nonzeros of the first `count` rows; the other rows are empty.
  func load(_ inputs: UnsafePointer<Scalar>, count: Int) {
    let nonzeros = Scalar.compress(
      count, columns, inputs, columns, index.base, value.base, start.base)
    for row in count...rows { start.base[row] = nonzeros }
  }

  /// y `[rows, R]` = S · Xᵀ for X `[R, columns]` in panels.
  func product(_ x: TransposedPanels<Scalar>, into y: UnsafeMutablePointer<Scalar>) {
    for panel in 0..<x.panels.number {
      let part = x.panels[panel]
      multiply(x[panel], part.count, into: y + part.lowerBound, x.panels.count)
    }
  }

  /// y `[chosen, rows]` = X · Sᵀ for some of the R rows of X, beginning with a panel.
  func transposedProduct(
    _ x: TransposedPanels<Scalar>, _ chosen: Range<Int>, into y: UnsafeMutablePointer<Scalar>
  ) {
    let width = Scalar.panelWidth
    var first = chosen.lowerBound
    while first < chosen.upperBound {
      let count = min(width, chosen.upperBound - first)
      multiply(x[first / width], width, into: strip.base, width)
      Scalar.transpose(
        rows, count, strip.base, width, y + (first - chosen.lowerBound) * rows, rows)
      first += count
    }
  }

  private func multiply(
    _ panel: UnsafePointer<Scalar>, _ count: Int, into y: UnsafeMutablePointer<Scalar>,
    _ stride: Int
  ) {
    Scalar.sparseProduct(
      rows, columns, count, index.base, value.base, start.base, panel, y, stride)
  }
}

/// The transpose of a matrix X `[R, I]` in panels of a few of its rows, for ``SparseRows``.
///
/// A panel is `[I, width]`: what belongs to one of the I columns lies together, aligned.
struct TransposedPanels<Scalar: TensorScalar> {
  /// The R rows, cut into panels.
  let panels: Blocks
  private let columns: Int
  private let memory: AlignedBuffer<Scalar>

  init(_ x: UnsafePointer<Scalar>, rows: Int, columns: Int) {
    let width = Scalar.panelWidth
    panels = Blocks(rows, size: width)
    self.columns = columns
    memory = AlignedBuffer(Self.memoryCount(rows: rows, columns: columns), filledWith: 0)
    for panel in 0..<panels.number {
      let part = panels[panel]
      Scalar.transpose(
        part.count, columns, x + part.lowerBound * columns, columns,
        memory.base + panel * columns * width, width)
    }
  }

  /// Elements of memory that the panels take.
  static func memoryCount(rows: Int, columns: Int) -> Int {
    Blocks(rows, size: Scalar.panelWidth).number * Scalar.panelWidth * columns
  }

  subscript(panel: Int) -> UnsafePointer<Scalar> {
    UnsafePointer(memory.base + panel * columns * panels.size)
  }
}
