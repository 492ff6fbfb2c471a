import TensorCore

/// A run of elementwise operations on one shape, executed chunk by chunk in the first-level cache.
///
/// The shape is taken as three axes, outer, rows and columns, of which an operand has any; along the
/// others it repeats. Values that only the run itself reads never reach the arena.
struct FusedChain<Scalar: TensorScalar>: Sendable {
  struct Operand: Sendable {
    /// The slot in the table, or the number of the scratch chunk.
    var index: Int
    /// Whether it is a value of the chain itself, held for one chunk.
    var isScratch: Bool
    /// Elements from one index of the outer axis to the next.
    var outer: Int
    var strides: RowStrides
  }

  struct Operation: Sendable {
    let function: ElementwiseFunction
    let scale: Scalar
    let offset: Scalar
    let x: Operand
    let y: Operand
    let result: Operand
  }

  let operations: [Operation]
  let axes: ChainAxes
  /// The rows of a chunk.
  private let chunkRows: Int
  /// The scratch elements the chain needs.
  let scratchCount: Int

  /// Elements of a chunk that keep a few operands in a first-level cache.
  private static var targetChunk: Int { 2048 }

  init(_ operations: [Operation], _ axes: ChainAxes, scratchChunks: Int) {
    self.operations = operations
    self.axes = axes
    chunkRows = max(min(Self.targetChunk / max(axes.columns, 1), axes.rows), 1)
    scratchCount = scratchChunks * chunkRows * axes.columns
  }

  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func run(
    _ table: UnsafePointer<UnsafeMutablePointer<Scalar>>, _ scratch: UnsafeMutablePointer<Scalar>
  ) {
    for outer in 0..<axes.outer {
      var row = 0
      while row < axes.rows {
        let rows = min(chunkRows, axes.rows - row)
        for operation in operations { run(operation, table, scratch, outer, row, rows) }
        row += rows
      }
    }
  }

  @inline(__always)
  private func run(
    _ operation: Operation, _ table: UnsafePointer<UnsafeMutablePointer<Scalar>>,
    _ scratch: UnsafeMutablePointer<Scalar>, _ outer: Int, _ row: Int, _ rows: Int
  ) {
    let x = pointer(operation.x, table, scratch, outer, row)
    let z = pointer(operation.result, table, scratch, outer, row)
    switch operation.function {
    case .unary(let function):
      Scalar.map(function, rows * axes.columns, x, z)
    case .affine:
      Scalar.affine(rows * axes.columns, operation.scale, x, operation.offset, z)
    case .binary(let function):
      let y = pointer(operation.y, table, scratch, outer, row)
      Scalar.zipRows(
        function, rows, axes.columns, x, operation.x.strides, y, operation.y.strides, z)
    }
  }

  @inline(__always)
  private func pointer(
    _ operand: Operand, _ table: UnsafePointer<UnsafeMutablePointer<Scalar>>,
    _ scratch: UnsafeMutablePointer<Scalar>, _ outer: Int, _ row: Int
  ) -> UnsafeMutablePointer<Scalar> {
    operand.isScratch
      ? scratch + operand.index * chunkRows * axes.columns
      : table[operand.index] + outer * operand.outer + row * operand.strides.row
  }
}

/// A shape as the three axes of a chain.
struct ChainAxes: Sendable {
  let outer: Int
  let rows: Int
  let columns: Int
  private let shape: Shape
  /// Where the rows and the columns begin among the axes of the shape.
  private let starts: (rows: Int, columns: Int)

  /// - Parameter cuts: At most two places between axes of the shape, ascending.
  init(_ shape: Shape, cuts: [Int]) {
    self.shape = shape
    starts = (cuts.count == 2 ? cuts[0] : 0, cuts.last ?? shape.rank)
    outer = shape.extents[..<starts.rows].reduce(1, *)
    rows = shape.extents[starts.rows..<starts.columns].reduce(1, *)
    columns = shape.extents[starts.columns...].reduce(1, *)
  }

  /// How far an operand moves along each axis; 0 where it repeats.
  func strides(_ operand: Shape) -> (outer: Int, strides: RowStrides) {
    if operand.count == shape.count {
      return (rows * columns, RowStrides(row: columns, column: 1))
    }
    let missing = shape.rank - operand.rank
    func has(_ axes: Range<Int>) -> Bool {
      axes.contains { $0 >= missing && operand[$0 - missing] != 1 }
    }
    let hasRows = has(starts.rows..<starts.columns)
    let hasColumns = has(starts.columns..<shape.rank)
    let row = hasColumns ? columns : 1
    return (
      has(0..<starts.rows) ? (hasRows ? rows : 1) * row : 0,
      RowStrides(row: hasRows ? row : 0, column: hasColumns ? 1 : 0)
    )
  }
}

/// The places between axes of a result where an operand begins or ends to repeat.
///
/// A chain can hold operations whose operands have at most two such places together.
func chainCuts(_ operand: Shape, _ result: Shape) -> Set<Int> {
  var cuts: Set<Int> = []
  var repeats: Bool?
  for axis in 0..<result.rank where result[axis] != 1 {
    let own = axis - result.rank
    let isRepeated = -own > operand.rank || operand[own] == 1
    if let repeats, repeats != isRepeated { cuts.insert(axis) }
    repeats = isRepeated
  }
  return cuts
}
