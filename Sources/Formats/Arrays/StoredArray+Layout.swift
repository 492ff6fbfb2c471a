import TensorCore

extension StoredArray {
  /// The part of a source that holds elements in a foreign layout.
  ///
  /// The elements are brought into the usual layout at once, in memory.
  ///
  /// - Parameters:
  ///   - bigEndian: The most significant byte of an element stands first.
  ///   - columnMajor: The first axis runs fastest.
  init(
    _ shape: Shape, _ elementType: ElementType, in source: ByteSource, at offset: Int,
    bigEndian: Bool, columnMajor: Bool
  ) throws(FormatError) {
    try self.init(shape, elementType, in: source, at: offset)
    let swaps = bigEndian && elementType.byteCount > 1
    let transposes = columnMajor && shape.rank > 1
    guard swaps || transposes else { return }
    let bytes: [UInt8]
    switch elementType.byteCount {
    case 1: bytes = try rearranged(UInt8.self, swaps, transposes)
    case 2: bytes = try rearranged(UInt16.self, swaps, transposes)
    case 4: bytes = try rearranged(UInt32.self, swaps, transposes)
    default: bytes = try rearranged(UInt64.self, swaps, transposes)
    }
    try self.init(shape, elementType, in: ByteSource(bytes, name: source.name), at: 0)
  }

  private func rearranged<Word: FixedWidthInteger & BitwiseCopyable>(
    _ type: Word.Type, _ swaps: Bool, _ transposes: Bool
  ) throws(FormatError) -> [UInt8] {
    try [UInt8](count: byteCount, for: source.name) { bytes throws(FormatError) in
      try bytes.withMemoryRebound(to: Word.self) { output throws(FormatError) in
        if transposes {
          let words = try [Word](count: count, for: source.name) { words throws(FormatError) in
            try source.read(at: offset, into: UnsafeMutableRawBufferPointer(words))
          }
          words.withUnsafeBufferPointer { transpose($0, into: output) }
        } else {
          try source.read(at: offset, into: UnsafeMutableRawBufferPointer(output))
        }
        if swaps { for index in output.indices { output[index] = output[index].byteSwapped } }
      }
    }
  }

  /// Turns elements of which the first axis runs fastest so that the last one does.
  ///
  /// The first axis is cut into strips of one cache line, so that every line is read once and the
  /// rows of a strip are written from end to end.
  private func transpose<Word: BitwiseCopyable>(
    _ words: UnsafeBufferPointer<Word>, into output: UnsafeMutableBufferPointer<Word>
  ) {
    guard count > 0 else { return }
    let rows = shape[0]
    let inner = Array(shape.extents.dropFirst())
    let columns = Shape(inner).count
    var strides: [Int] = []
    for extent in shape.extents.dropLast() { strides.append((strides.last ?? 1) * extent) }
    let width = 64 / MemoryLayout<Word>.size
    for first in stride(from: 0, to: rows, by: width) {
      let last = min(first + width, rows)
      var indices = [Int](repeating: 0, count: inner.count)
      var start = 0
      for column in 0..<columns {
        for row in first..<last { output[row * columns + column] = words[start + row] }
        // The next index, the last axis fastest, and where it stands in the source.
        var axis = inner.count - 1
        while axis >= 0 {
          indices[axis] += 1
          start += strides[axis]
          if indices[axis] < inner[axis] { break }
          start -= strides[axis] * inner[axis]
          indices[axis] = 0
          axis -= 1
        }
      }
    }
  }
}
