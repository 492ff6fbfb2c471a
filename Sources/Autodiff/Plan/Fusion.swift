import TensorCore

/// A run of elementwise operations on one shape, executed chunk by chunk in the first-level cache.
///
/// Values that only the run itself reads never reach the arena.
struct FusedChain<Scalar: TensorScalar>: Sendable {
  /// How an operation reads or writes a value while it goes over the elements.
  enum Access: Sendable {
    /// An array of the chain's shape.
    case full
    /// A value of the chain itself, held for one chunk.
    case scratch
    /// One number.
    case scalar
    /// The last axes of the shape, the same for every row.
    case row
    /// One number for each row.
    case column
  }

  struct Operand: Sendable {
    var access: Access
    /// The slot in the table, or the number of the scratch chunk.
    var index: Int
  }

  struct Operation: Sendable {
    let function: ElementwiseFunction
    let scale: Scalar
    let offset: Scalar
    let x: Operand
    let y: Operand
    let result: Operand
    var goesByRow: Bool {
      x.access == .row || x.access == .column || y.access == .row || y.access == .column
    }
  }

  let operations: [Operation]
  /// The elements of the shape.
  let count: Int
  /// The elements of a row.
  let columns: Int
  /// The elements of a chunk: whole rows.
  let chunk: Int
  /// The scratch elements the chain needs.
  let scratchCount: Int

  /// Elements of a chunk that keep a few operands in a first-level cache.
  private static var targetChunk: Int { 2048 }

  init(_ operations: [Operation], count: Int, columns: Int, scratchChunks: Int) {
    self.operations = operations
    self.count = count
    self.columns = max(columns, 1)
    chunk = max(Self.targetChunk / self.columns, 1) * self.columns
    scratchCount = scratchChunks * chunk
  }

  func run(
    _ table: UnsafePointer<UnsafeMutablePointer<Scalar>>, _ scratch: UnsafeMutablePointer<Scalar>
  ) {
    var start = 0
    while start < count {
      let length = min(chunk, count - start)
      for operation in operations {
        if operation.goesByRow {
          for row in 0..<length / columns {
            run(operation, table, scratch, start, row * columns, columns)
          }
        } else {
          run(operation, table, scratch, start, 0, length)
        }
      }
      start += length
    }
  }

  @inline(__always)
  private func run(
    _ operation: Operation, _ table: UnsafePointer<UnsafeMutablePointer<Scalar>>,
    _ scratch: UnsafeMutablePointer<Scalar>, _ start: Int, _ inner: Int, _ length: Int
  ) {
    let x = pointer(operation.x, table, scratch, start, inner)
    let z = pointer(operation.result, table, scratch, start, inner)
    switch operation.function {
    case .unary(let function):
      Scalar.map(function, length, x, z)
    case .affine:
      Scalar.affine(length, operation.scale, x, operation.offset, z)
    case .binary(let function):
      let y = pointer(operation.y, table, scratch, start, inner)
      Scalar.zip(
        function, length, x, varies(operation.x), y, varies(operation.y), z)
    }
  }

  @inline(__always)
  private func varies(_ operand: Operand) -> Bool {
    operand.access != .scalar && operand.access != .column
  }

  @inline(__always)
  private func pointer(
    _ operand: Operand, _ table: UnsafePointer<UnsafeMutablePointer<Scalar>>,
    _ scratch: UnsafeMutablePointer<Scalar>, _ start: Int, _ inner: Int
  ) -> UnsafeMutablePointer<Scalar> {
    switch operand.access {
    case .full: table[operand.index] + start + inner
    case .scratch: scratch + operand.index * chunk + inner
    case .scalar, .row: table[operand.index]
    case .column: table[operand.index] + (start + inner) / columns
    }
  }
}

/// How an operand of this shape is read against a result shape; nil where a chain cannot.
func chainAccess(_ operand: Shape, _ result: Shape) -> (access: ChainAccess, columns: Int)? {
  if operand.count == result.count { return (.full, 1) }
  if operand.count == 1 { return (.scalar, 1) }
  let trimmed = Shape(Array(operand.extents.drop { $0 == 1 }))
  if result.suffix(trimmed.rank) == trimmed { return (.row, trimmed.count) }
  guard operand.rank == result.rank else { return nil }
  let held = operand.extents.reversed().prefix { $0 == 1 }.count
  if operand.dropLast(held) == result.dropLast(held) {
    return (.column, result.suffix(held).count)
  }
  return nil
}

/// The kinds of access that shapes decide.
enum ChainAccess { case full, scalar, row, column }
