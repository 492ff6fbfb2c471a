import CJPEG

/// Pictures in JPEG files.
enum JPEGPicture {
  /// The first bytes of every such file.
  static let magic: [UInt8] = [0xff, 0xd8, 0xff]

  /// Decodes a file, with the accurate transform.
  ///
  /// - Throws: `FormatError` also where the library only warns, as of data that end early.
  static func read(_ source: ByteSource) throws(FormatError) -> Picture {
    let bytes = try source.bytes(source.count)
    guard let decoder = tjInitDecompress() else {
      throw source.malformed(found: "a picture", expected: "memory to decode it")
    }
    defer { tjDestroy(decoder) }
    var (width, height, sampling, colors): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    let status = tjDecompressHeader3(
      decoder, bytes, UInt(bytes.count), &width, &height, &sampling, &colors)
    guard status == 0 else { throw fault(decoder, source) }
    // A block of 8 by 8 pixels takes at least a bit.
    try Picture.check(width: Int(width), height: Int(height), pixelsPerByte: 512, in: source)
    let isGray = colors == Int32(TJCS_GRAY.rawValue)
    guard isGray || [TJCS_RGB, TJCS_YCbCr].contains(where: { colors == Int32($0.rawValue) }) else {
      throw source.malformed(
        found: "a picture in colours for printing", expected: "grey or red, green and blue",
        remedy: "save it as RGB")
    }
    let channels = isGray ? 1 : 3
    let pixels = try [UInt8](count: Int(width) * Int(height) * channels, for: source.name) {
      buffer throws(FormatError) in
      let status = tjDecompress2(
        decoder, bytes, UInt(bytes.count), buffer.baseAddress, width, 0, height,
        Int32((isGray ? TJPF_GRAY : TJPF_RGB).rawValue),
        TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS)
      guard status == 0 else { throw fault(decoder, source) }
    }
    return Picture(channels: channels, height: Int(height), width: Int(width), pixels: pixels)
  }

  private static func fault(_ decoder: tjhandle, _ source: ByteSource) -> FormatError {
    let message = tjGetErrorStr2(decoder).map { String(cString: $0) } ?? ""
    return source.malformed(
      found: "damaged pixels (\(FormatError.printable(message, limit: 100)))",
      expected: "a whole JPEG file", remedy: "copy or save it again")
  }
}

extension JPEGPicture {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "jpeg", extensions: ["jpg", "jpeg"], summary: "a picture, as an item of one data set",
    recognises: { source throws(FormatError) in try source.prefix(magic.count) == magic },
    read: { source throws(FormatError) in ItemTable(source, try Picture.item(in: source)) })
}
