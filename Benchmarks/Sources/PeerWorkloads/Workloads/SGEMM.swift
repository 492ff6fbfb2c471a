import Palimpsest

/// C = A Bᵀ of 4096³: the machine's own rate, tiles of C shared by the threads.
final class SGEMM: Workload {
  static let name = "sgemm"
  static let operations = 2 * Double(size) * Double(size) * Double(size)
  private static let size = 4096
  private static let tile = (rows: 1024, columns: 2048)

  private let pool: WorkerPool
  private let a = AlignedBuffer<Float>(size * size, filledWith: 0)
  private let b = AlignedBuffer<Float>(size * size, filledWith: 0)
  private let c = AlignedBuffer<Float>(size * size, filledWith: 0)

  init(_ arrays: PeerArrays, _ pool: WorkerPool) {
    self.pool = pool
    var stream = RandomStream(seed: 0, stream: 0)
    for matrix in [a, b] {
      for index in 0..<matrix.count { matrix.base[index] = stream.nextUniform() }
    }
  }

  func run() {
    let size = Self.size
    let rows = Blocks(size, size: Self.tile.rows)
    let columns = Blocks(size, size: Self.tile.columns)
    pool.run(rows.number * columns.number) { tile, _ in
      let (row, column) = (rows[tile % rows.number], columns[tile / rows.number])
      MatrixProduct.gemm(
        slice(a, row.lowerBound * size, row.count * size),
        slice(b, column.lowerBound * size, column.count * size), transposeB: true,
        m: row.count, n: column.count, k: size,
        into: UnsafeMutableBufferPointer(
          rebasing: c.elements[(row.lowerBound * size + column.lowerBound)...]), ldc: size)
    }
  }

  private func slice(
    _ matrix: AlignedBuffer<Float>, _ start: Int, _ count: Int
  ) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: matrix.base + start, count: count)
  }

  var result: StoredArray? { nil }
}
