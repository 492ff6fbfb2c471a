import Palimpsest

/// C = A Bᵀ of 4096³: the machine's own rate, tiles of C shared by the threads.
final class SGEMM: Workload {
  static let name = "sgemm"
  static let operations = 2 * Double(size) * Double(size) * Double(size)
  private static let size = 4096

  private let pool: WorkerPool
  private let a = AlignedBuffer<Float>(size * size, filledWith: 0)
  private let b = AlignedBuffer<Float>(size * size, filledWith: 0)
  private let c = AlignedBuffer<Float>(size * size, filledWith: 0)

  init(_ arrays: PeerArrays, _ pool: WorkerPool) {
    self.pool = pool
    for index in 0..<a.count {
      a.base[index] = Float(index % 251) / 251
      b.base[index] = Float(index % 241) / 241
    }
  }

  func run() {
    let size = Self.size
    // Large square tiles pack the least; the threads have one or more each.
    var tiles = Blocks(size, size: size / 2)
    while tiles.number * tiles.number < pool.threads { tiles = Blocks(size, size: tiles.size / 2) }
    pool.run(tiles.number * tiles.number) { tile, _ in
      let (row, column) = (tiles[tile % tiles.number], tiles[tile / tiles.number])
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
