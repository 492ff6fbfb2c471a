import TensorCore

/// A picture in grey or in red, green and blue, eight bits each.
struct Picture {
  /// C, H and W: 1 or 3 channels, rows, columns.
  let shape: Shape
  /// `[H, W, C]`, from the top left.
  let pixels: [UInt8]

  /// The most pixels.
  static let mostPixels = 1 << 26
  /// The largest file in bytes.
  static let largestFile = 1 << 28

  /// Decodes a file by its first bytes.
  ///
  /// - Throws: `FormatError` for anything but a whole PNG or JPEG file of at most ``mostPixels``.
  init(_ source: ByteSource) throws(FormatError) {
    guard source.count <= Picture.largestFile else {
      throw source.malformed(
        found: "\(source.count) bytes", expected: "a picture of at most \(Picture.largestFile)")
    }
    let start = try source.prefix(PNGPicture.magic.count)
    if start == PNGPicture.magic {
      self = try PNGPicture.read(source)
    } else if start.starts(with: JPEGPicture.magic) {
      self = try JPEGPicture.read(source)
    } else {
      throw source.malformed(
        at: .byte(0), found: "other bytes", expected: "the start of a PNG or JPEG file")
    }
  }

  init(channels: Int, height: Int, width: Int, pixels: [UInt8]) {
    shape = [channels, height, width]
    self.pixels = pixels
  }

  /// Checks what a header says, before anything of that size is held.
  ///
  /// - Parameter pixelsPerByte: How many pixels a byte of such a file can stand for at most.
  static func check(
    width: Int, height: Int, pixelsPerByte: Int, in source: ByteSource
  ) throws(FormatError) {
    guard width > 0, height > 0, width <= mostPixels / height else {
      throw source.malformed(
        found: "a picture of \(width) × \(height) pixels",
        expected: "one of 1 to \(mostPixels) pixels", remedy: "scale it down")
    }
    guard width * height / pixelsPerByte <= source.count else {
      throw source.malformed(
        found: "a picture of \(width) × \(height) pixels in \(source.count) bytes",
        expected: "at least \(width * height / pixelsPerByte) bytes")
    }
  }

  /// Writes the pixels as `[C, H, W]`.
  ///
  /// - Precondition: There is room for all.
  func copyPlanes(into output: UnsafeMutableBufferPointer<UInt8>) {
    let (channels, count) = (shape[0], shape[1] * shape[2])
    pixels.withUnsafeBufferPointer { pixels in
      for channel in 0..<channels {
        for pixel in 0..<count {
          output[channel &* count &+ pixel] = pixels[pixel &* channels &+ channel]
        }
      }
    }
  }

  /// One item, `[1, C, H, W]`.
  static func item(in source: ByteSource) throws(FormatError) -> StoredArray {
    let picture = try Picture(source)
    let planes = try [UInt8](count: picture.pixels.count, for: source.name) {
      picture.copyPlanes(into: $0)
    }
    return try StoredArray(
      Shape([1]).appending(picture.shape), .uint8, in: ByteSource(planes, name: source.name), at: 0)
  }
}
