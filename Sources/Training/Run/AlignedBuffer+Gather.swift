import TensorCore

extension AlignedBuffer {
  /// A copy of the elements.
  var array: [Element] { Array(elements) }

  /// Overwrites all elements.
  ///
  /// - Precondition: As many elements.
  func copy(from elements: [Element]) {
    precondition(elements.count == count, "\(elements.count) elements for \(count)")
    base.update(from: elements, count: count)
  }

  /// Copies rows of `width` elements next to each other; zero bytes for a negative row.
  ///
  /// - Precondition: Every row lies within the elements.
  func gather(_ rows: ArraySlice<Int>, of elements: [Element], width: Int) {
    elements.withUnsafeBytes { gather(rows, of: $0, width: width) }
  }

  /// Copies the chosen elements next to each other; zero bytes for a negative place.
  func gather(_ places: ArraySlice<Int>, of other: AlignedBuffer) {
    gather(places, of: UnsafeRawBufferPointer(other.elements), width: 1)
  }

  private func gather(_ rows: ArraySlice<Int>, of bytes: UnsafeRawBufferPointer, width: Int) {
    precondition(rows.count * width <= count, "\(rows.count) rows of \(width) do not fit \(count)")
    let size = width * MemoryLayout<Element>.stride
    var target = UnsafeMutableRawPointer(base)
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
