/// Memory of fixed size and address, aligned to a cache line, for one owner at a time.
///
/// Inner loops work on its pointer; nothing checks that two threads keep apart.
public final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  /// The first element.
  public let base: UnsafeMutablePointer<Element>
  /// The number of elements.
  public let count: Int

  /// Memory filled with one value.
  public init(_ count: Int, filledWith value: Element) {
    precondition(count >= 0)
    self.count = count
    base = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: 64
    ).bindMemory(to: Element.self, capacity: max(count, 1))
    // Zeros go to the system's own loop: generic code would write element by element.
    if withUnsafeBytes(of: value, { $0.allSatisfy { $0 == 0 } }) {
      UnsafeMutableRawPointer(base).initializeMemory(
        as: UInt8.self, repeating: 0, count: count * MemoryLayout<Element>.stride)
    } else {
      base.initialize(repeating: value, count: count)
    }
  }

  /// Memory filled with a copy of some elements.
  public convenience init(copying elements: [Element]) where Element: ExpressibleByIntegerLiteral {
    self.init(elements.count, filledWith: 0)
    base.update(from: elements, count: elements.count)
  }

  deinit { base.deallocate() }

  /// Makes all bits zero.
  public func clear() {
    UnsafeMutableRawPointer(base).initializeMemory(
      as: UInt8.self, repeating: 0, count: count * MemoryLayout<Element>.stride)
  }

  /// All elements.
  public var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }
}
