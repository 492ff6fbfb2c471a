/// A range cut into blocks of one fixed size, the last one shorter.
///
/// The size is chosen from the problem, never from the number of threads: that keeps results the
/// same for any pool.
public struct Blocks: Sendable {
  /// The number of elements cut.
  public let count: Int
  /// The number of elements of a block.
  public let size: Int

  /// Blocks of `size` over `0..<count`.
  public init(_ count: Int, size: Int) {
    precondition(count >= 0 && size > 0)
    self.count = count
    self.size = size
  }

  /// The number of blocks.
  public var number: Int { (count + size - 1) / size }

  /// The elements of a block.
  public subscript(block: Int) -> Range<Int> {
    block * size..<min((block + 1) * size, count)
  }
}
