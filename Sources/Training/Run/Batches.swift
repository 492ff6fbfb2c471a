public import Formats
import TensorCore

/// Which items each step of a run uses.
public struct Batches: Equatable, Sendable {
  /// B, the entries of a batch.
  public let size: Int
  /// `[S, B]`, row-major: rows of the training set, −1 where a batch is short.
  public let rows: [Int]

  /// Batches of these rows.
  ///
  /// - Precondition: `rows` fills whole batches.
  public init(size: Int, rows: [Int]) {
    precondition(size > 0 && rows.count % size == 0, "\(rows.count) rows in batches of \(size)")
    self.size = size
    self.rows = rows
  }

  /// S, the number of steps.
  public var count: Int { rows.count / size }

  /// The B entries of a step.
  public subscript(step: Int) -> ArraySlice<Int> { rows[step * size..<(step + 1) * size] }

  /// b, the entries of a step that name an item.
  public func itemCount(at step: Int) -> Int { self[step].count { $0 >= 0 } }

  /// Every item once in each epoch, in an order of the epoch's own; its last batch may be short.
  ///
  /// - Parameters:
  ///   - items: N.
  ///   - size: B.
  ///   - epochs: The number of passes over the items.
  ///   - seed: The seed of the run.
  public static func shuffled(items: Int, size: Int, epochs: Int, seed: UInt64) -> Batches {
    var stream = RandomStream(seed: seed, for: .batchOrder)
    let padding = [Int](repeating: -1, count: (size - items % size) % size)
    var rows: [Int] = []
    rows.reserveCapacity(epochs * (items + padding.count))
    for _ in 0..<epochs { rows += stream.permutation(items) + padding }
    return Batches(size: size, rows: rows)
  }
}

extension Batches {
  /// Reads `[S, B]` whole numbers.
  ///
  /// - Parameters:
  ///   - path: A file of one array.
  ///   - items: N, which every entry must stay below.
  /// - Throws: `FormatError`, naming step and column of the first entry at fault, both from 0.
  public init(path: String, items: Int) throws(FormatError) {
    try self.init(ByteSource(path: path), items: items)
  }

  /// Reads `[S, B]` whole numbers from a source, as ``init(path:items:)`` does.
  init(_ source: ByteSource, items: Int) throws(FormatError) {
    let path = source.name
    let array = try StoredArray.read(source)
    let fail = { (place: FormatError.Place, found: String, expected: String) in
      FormatError(.malformed, file: path, at: place, found: found, expected: expected)
    }
    guard array.shape.rank == 2, array.shape[0] > 0, array.shape[1] > 0 else {
      throw fail(.file, "an array of shape \(array.shape)", "batches [S, B] of at least one row")
    }
    let size = array.shape[1]
    let rows = try array.integers()
    if let index = rows.firstIndex(where: { $0 < -1 || $0 >= items }) {
      throw fail(
        .element(index), "row \(rows[index]) at step \(index / size), column \(index % size)",
        "-1 or a row of the training set, 0 to \(items - 1)")
    }
    self.init(size: size, rows: rows.map { Int($0) })
    for step in 0..<count where itemCount(at: step) == 0 {
      throw fail(.element(step * size), "no rows at step \(step)", "at least one")
    }
  }

  /// Writes `[S, B]` as int64, whole or not at all.
  package func write(to path: String) throws(FormatError) {
    try NPY.write(StoredArray(rows.map { Int64($0) }, shape: [count, size]), to: path)
  }
}
