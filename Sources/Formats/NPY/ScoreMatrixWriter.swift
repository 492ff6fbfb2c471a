import Synchronization
public import TensorCore

/// Writes a matrix of scores `[Q, N]` to a `.npy` file while it is being computed.
///
/// Panels arrive in any order, from any thread; the matrix is never held in memory. The file
/// appears under its name when ``finish()`` is called and not otherwise.
public final class ScoreMatrixWriter<Scalar: TensorScalar>: Sendable {
  /// The extents `[Q, N]`.
  public let shape: Shape
  private let file: AtomicFile
  private let start: Int
  /// How many scores have arrived.
  private let arrived = Mutex(0)

  /// Creates the file, with room for all scores.
  ///
  /// - Throws: `FormatError` where the file cannot be created.
  public init(path: String, queries: Int, items: Int) throws(FormatError) {
    shape = [queries, items]
    let type: ElementType = Scalar.self == Float.self ? .float32 : .float64
    guard let header = NPY.header(of: type, shape) else {
      preconditionFailure("numpy has both types")
    }
    start = header.count
    file = try AtomicFile(path: path)
    try file.append(header)
    try file.resize(to: start + shape.count * MemoryLayout<Scalar>.size)
  }

  /// Writes the scores of some queries for some items; each score is written once.
  ///
  /// - Parameters:
  ///   - panel: `[rows.count, columns.count]`, row-major.
  ///   - rows: The queries; all where nil.
  ///   - columns: The items.
  public func write(
    _ panel: Tensor<Scalar>, rows: Range<Int>? = nil, columns: Range<Int>
  ) throws(FormatError) {
    let rows = rows ?? 0..<shape[0]
    precondition(
      panel.shape == [rows.count, columns.count] && (0...shape[0]).contains(rows.lowerBound)
        && rows.upperBound <= shape[0] && columns.lowerBound >= 0 && columns.upperBound <= shape[1],
      "a panel \(panel.shape) for the rows \(rows) and columns \(columns) of \(shape)")
    let size = MemoryLayout<Scalar>.size
    let width = columns.count * size
    var failure: FormatError?
    panel.scalars.withUnsafeBytes { bytes in
      do throws(FormatError) {
        let first = start + (rows.lowerBound * shape[1] + columns.lowerBound) * size
        if columns.count == shape[1] { return try file.write(bytes, at: first) }
        for query in 0..<rows.count {
          let row = UnsafeRawBufferPointer(rebasing: bytes[query * width..<(query + 1) * width])
          try file.write(row, at: first + query * shape[1] * size)
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    arrived.withLock { $0 += panel.count }
  }

  /// Gives the file its name.
  ///
  /// - Precondition: Every score has been written.
  public func finish() throws(FormatError) {
    let arrived = arrived.withLock { $0 }
    precondition(arrived == shape.count, "\(arrived) scores of \(shape) were written")
    try file.commit()
  }
}
