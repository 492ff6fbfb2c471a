/// Elements at one place in memory for as long as the object lives, so that plans can be bound to
/// them.
///
/// For one thread at a time.
final class FlatVector<Element: BitwiseCopyable> {
  let count: Int
  let pointer: UnsafeMutablePointer<Element>

  /// Elements of one value, aligned to a cache line.
  init(repeating value: Element, count: Int) {
    self.count = count
    pointer = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: 64
    ).bindMemory(to: Element.self, capacity: max(count, 1))
    pointer.initialize(repeating: value, count: max(count, 1))
  }

  deinit { pointer.deallocate() }

  /// A copy of the elements.
  var array: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

  /// Overwrites all elements.
  ///
  /// - Precondition: As many elements.
  func copy(from elements: [Element]) {
    precondition(elements.count == count, "\(elements.count) elements for \(count)")
    pointer.update(from: elements, count: count)
  }

  /// Copies rows of `width` elements next to each other; zero bytes for a negative row.
  ///
  /// - Precondition: Every row lies within the elements.
  func gather(_ rows: ArraySlice<Int>, of elements: [Element], width: Int) {
    elements.withUnsafeBytes { gather(rows, of: $0, width: width) }
  }

  /// Copies the chosen elements next to each other; zero bytes for a negative place.
  func gather(_ places: ArraySlice<Int>, of elements: FlatVector) {
    gather(
      places,
      of: UnsafeRawBufferPointer(
        start: elements.pointer, count: elements.count * MemoryLayout<Element>.stride), width: 1)
  }

  private func gather(_ rows: ArraySlice<Int>, of bytes: UnsafeRawBufferPointer, width: Int) {
    precondition(rows.count * width <= count, "\(rows.count) rows of \(width) do not fit \(count)")
    let size = width * MemoryLayout<Element>.stride
    var target = UnsafeMutableRawPointer(pointer)
    for row in rows {
      if row < 0 {
        target.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      } else {
        let source = UnsafeRawBufferPointer(rebasing: bytes[row * size..<(row + 1) * size])
        UnsafeMutableRawBufferPointer(start: target, count: size).copyMemory(from: source)
      }
      target += size
    }
  }
}
