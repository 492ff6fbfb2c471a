import CPNG

/// Pictures in PNG files.
enum PNGPicture {
  /// The first bytes of every such file.
  static let magic: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

  /// Decodes a file.
  ///
  /// The numbers are those that the file holds: what it says of colour profiles and brightness is
  /// passed over. Palettes become colours.
  static func read(_ source: ByteSource) throws(FormatError) -> Picture {
    let bytes = try essentialChunks(of: source)
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    // libpng reads from the bytes until it is finished.
    var result: Result<Picture, FormatError>?
    bytes.withUnsafeBytes { bytes in
      guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else {
        return result = .failure(fault(image, source))
      }
      defer { png_image_free(&image) }
      do throws(FormatError) {
        result = .success(try pixels(of: &image, source))
      } catch { result = .failure(error) }
    }
    guard let result else { throw fault(image, source) }
    return try result.get()
  }

  private static func pixels(
    of image: inout png_image, _ source: ByteSource
  ) throws(FormatError) -> Picture {
    let (width, height) = (Int(image.width), Int(image.height))
    let channels = image.format & PNG_FORMAT_FLAG_COLOR != 0 ? 3 : 1
    let hasAlpha = image.format & PNG_FORMAT_FLAG_ALPHA != 0
    image.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA
    let step = channels + (hasAlpha ? 1 : 0)
    var pixels = try [UInt8](count: width * height * step, for: source.name) {
      buffer throws(FormatError) in
      let status = png_image_finish_read(
        &image, nil, buffer.baseAddress, png_int_32(width * step), nil)
      guard status != 0 else { throw fault(image, source) }
    }
    if hasAlpha { pixels = try opaque(pixels, step, source) }
    return Picture(channels: channels, height: height, width: width, pixels: pixels)
  }

  /// The pixels without their opacity, which must be full.
  private static func opaque(
    _ pixels: [UInt8], _ step: Int, _ source: ByteSource
  ) throws(FormatError) -> [UInt8] {
    let count = pixels.count / step
    return try [UInt8](count: count * (step - 1), for: source.name) { output throws(FormatError) in
      for pixel in 0..<count {
        let start = pixel * step
        guard pixels[start + step - 1] == 255 else {
          throw source.malformed(
            found: "a transparent pixel", expected: "an opaque picture",
            remedy: "save it on a background")
        }
        for channel in 0..<step - 1 {
          output[pixel * (step - 1) + channel] = pixels[start + channel]
        }
      }
    }
  }

  /// The file without the chunks that pixels do not need.
  private static func essentialChunks(of source: ByteSource) throws(FormatError) -> [UInt8] {
    var reader = ByteReader(try source.bytes(source.count), file: source.name)
    var kept = Array(try reader.take(magic.count, of: "signature"))
    var name = ""
    while name != "IEND" {
      let start = reader
      let length = Int(try reader.integer(UInt32.self, .bigEndian, of: "chunk length"))
      let type = try reader.take(4, of: "chunk type")
      let isFirst = name.isEmpty
      name = String(decoding: type, as: UTF8.self)
      guard isFirst == (name == "IHDR"), !isFirst || length == 13 else {
        throw start.malformed(
          found: "the chunk \(FormatError.quoted(name)) of \(length) bytes",
          expected: isFirst ? "IHDR of 13" : "IHDR once")
      }
      let content = try reader.take(length, of: "the chunk \(FormatError.quoted(name))")
      let checksum = try reader.take(4, of: "checksum")
      if isFirst { try checkHeader(Array(content), source) }
      // A small first letter marks what a reader may pass over; of these, tRNS has the opacity.
      let isEssential = type.first.map { $0 & 0x20 == 0 } == true || name == "tRNS"
      guard isEssential else { continue }
      kept += withUnsafeBytes(of: UInt32(length).bigEndian, Array.init) + type + content + checksum
    }
    return kept
  }

  private static func checkHeader(_ bytes: [UInt8], _ source: ByteSource) throws(FormatError) {
    var header = ByteReader(bytes, file: source.name, at: magic.count + 8)
    let width = Int(try header.integer(UInt32.self, .bigEndian, of: "width"))
    let height = Int(try header.integer(UInt32.self, .bigEndian, of: "height"))
    // A byte of deflate stands for at most 1032 bytes, and those for eight pixels each.
    try Picture.check(
      width: width, height: height, pixelsPerByte: 8 * Inflater.largestRatio, in: source)
    let depth = bytes[8]
    guard depth <= 8 else {
      throw header.malformed(
        found: "\(depth) bits for a colour", expected: "at most 8", remedy: "save it with 8 bits")
    }
  }

  private static func fault(_ image: png_image, _ source: ByteSource) -> FormatError {
    let message = withUnsafeBytes(of: image.message) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    return source.malformed(
      found: "damaged pixels (\(FormatError.printable(message, limit: 63)))",
      expected: "a whole PNG file", remedy: "copy or save it again")
  }
}

extension PNGPicture {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "png", extensions: ["png"], summary: "a picture, as an item of one data set",
    recognises: { source throws(FormatError) in try source.prefix(magic.count) == magic },
    read: { source throws(FormatError) in ItemTable(source, try Picture.item(in: source)) })
}
