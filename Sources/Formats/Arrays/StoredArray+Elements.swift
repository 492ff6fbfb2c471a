public import TensorCore

extension StoredArray {
  /// Elements that fit a cache, a multiple of every element size.
  private static let chunkSize = 1 << 17

  /// The elements as a tensor, rounded to nearest where the scalar is narrower.
  ///
  /// - Throws: `FormatError` where the file cannot be read any more or the memory does not suffice.
  /// - Complexity: one pass at the speed of memory; nothing but the result is held.
  public func tensor<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> Tensor<Scalar> {
    if type == Float.self {
      return Tensor<Float>(shape, try scalars(ofType: .float32)).cast()
    }
    return Tensor<Double>(shape, try scalars(ofType: .float64)).cast()
  }

  /// The elements as integers, exact.
  ///
  /// - Throws: `FormatError`, naming the element, where one is not a whole number or does not fit.
  public func integers() throws(FormatError) -> [Int64] {
    guard !elementType.isFloatingPoint else { return try wholeNumbers() }
    return try [Int64](count: count, for: source.name) { output throws(FormatError) in
      try fill(output) { raw, part in elementType.decodeIntegers(raw, into: part) }
    }
  }

  private func scalars<Target: DecodedScalar>(
    ofType native: ElementType
  ) throws(FormatError) -> [Target] {
    try [Target](count: count, for: source.name) { output throws(FormatError) in
      if elementType == native {
        try source.read(at: offset, into: UnsafeMutableRawBufferPointer(output))
      } else {
        try fill(output) { raw, part in
          elementType.decode(raw, into: part)
          return nil
        }
      }
    }
  }

  private func wholeNumbers() throws(FormatError) -> [Int64] {
    let values: [Double] = try scalars(ofType: .float64)
    return try [Int64](count: count, for: source.name) { output throws(FormatError) in
      for (index, value) in values.enumerated() {
        guard let integer = Int64(exactly: value) else {
          throw source.malformed(
            at: places[index], found: "\(value)",
            expected: value == value.rounded() ? "a whole number below 2^63" : "a whole number")
        }
        output[index] = integer
      }
    }
  }

  /// Converts all elements, a chunk at a time; the conversion returns the first index at fault.
  private func fill<Target>(
    _ output: UnsafeMutableBufferPointer<Target>,
    _ convert: (UnsafeRawBufferPointer, UnsafeMutableBufferPointer<Target>) -> Int?
  ) throws(FormatError) {
    var done = 0
    try forEachChunk { raw throws(FormatError) in
      let part = done..<done + raw.count / elementType.byteCount
      if let fault = convert(raw, UnsafeMutableBufferPointer(rebasing: output[part])) {
        throw source.malformed(
          at: places[done + fault], found: "a value of 2^63 or more",
          expected: "a whole number below 2^63")
      }
      done = part.upperBound
    }
  }

  /// Whether an element of an array of bytes is larger than a limit.
  ///
  /// - Precondition: The elements are of type uint8.
  /// - Throws: `FormatError` where the file cannot be read any more.
  /// - Complexity: one pass; nothing is held.
  package func hasByte(above limit: UInt8) throws(FormatError) -> Bool {
    precondition(elementType == .uint8, "bytes of \(elementType)")
    var found = false
    try forEachChunk { raw throws(FormatError) in found = found || raw.contains { $0 > limit } }
    return found
  }

  /// Visits the bytes of all elements in order, whole elements at a time.
  func forEachChunk(
    _ visit: (UnsafeRawBufferPointer) throws(FormatError) -> Void
  ) throws(FormatError) {
    try source.forEachChunk(
      of: offset..<offset + byteCount, size: StoredArray.chunkSize, visit)
  }
}
