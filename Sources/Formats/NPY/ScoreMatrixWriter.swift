import Synchronization
public import TensorCore

/// Writes a matrix of scores `[Q, N]` to a `.npy` file while it is being computed.
///
/// The columns arrive in any order, from any thread; the matrix is never held in memory. The file
/// appears under its name when ``finish()`` is called and not otherwise.
public final class ScoreMatrixWriter<Scalar: TensorScalar>: Sendable {
  /// The extents `[Q, N]`.
  public let shape: Shape
  private let file: AtomicFile
  private let start: Int
  /// Which of the N columns have arrived.
  private let arrived: Mutex<[Bool]>

  /// Creates the file, with room for all scores.
  ///
  /// - Throws: `FormatError` where the file cannot be created.
  public init(path: String, queries: Int, items: Int) throws(FormatError) {
    shape = [queries, items]
    arrived = Mutex([Bool](repeating: false, count: items))
    let type: ElementType = Scalar.self == Float.self ? .float32 : .float64
    guard let header = NPY.header(of: type, shape) else {
      preconditionFailure("numpy has both types")
    }
    start = header.count
    file = try AtomicFile(path: path)
    try file.append(header)
    try file.resize(to: start + shape.count * MemoryLayout<Scalar>.size)
  }

  /// Writes the scores of all queries for some items.
  ///
  /// - Parameters:
  ///   - panel: `[Q, columns.count]`, row-major.
  ///   - columns: The items.
  public func write(_ panel: Tensor<Scalar>, columns: Range<Int>) throws(FormatError) {
    precondition(
      panel.shape == [shape[0], columns.count] && columns.lowerBound >= 0
        && columns.upperBound <= shape[1],
      "a panel \(panel.shape) for the columns \(columns) of \(shape)")
    let size = MemoryLayout<Scalar>.size
    let width = columns.count * size
    var failure: FormatError?
    panel.scalars.withUnsafeBytes { bytes in
      do throws(FormatError) {
        if columns.count == shape[1] { return try file.write(bytes, at: start) }
        for query in 0..<shape[0] {
          let row = UnsafeRawBufferPointer(rebasing: bytes[query * width..<(query + 1) * width])
          try file.write(row, at: start + (query * shape[1] + columns.lowerBound) * size)
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    arrived.withLock { for column in columns { $0[column] = true } }
  }

  /// Gives the file its name.
  ///
  /// - Precondition: Every column has been written.
  public func finish() throws(FormatError) {
    let missing = arrived.withLock { $0.firstIndex(of: false) }
    precondition(missing == nil, "column \(missing ?? 0) of \(shape) was never written")
    try file.commit()
  }
}
