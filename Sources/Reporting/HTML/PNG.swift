import Foundation

/// Pictures as PNG files inside the page (RFC 2083), stored without compression: they are small.
enum PNG {
  /// The picture as the address of an image element.
  static func dataURI(_ image: PixelImage) -> Markup {
    Markup(stringLiteral: "data:image/png;base64," + Data(bytes(image)).base64EncodedString())
  }

  static func bytes(_ image: PixelImage) -> [UInt8] {
    // Each row begins with the number of its filter, 0 for none.
    let rows = (0..<image.height).flatMap { row in
      [0] + image.grey[row * image.width..<(row + 1) * image.width]
    }
    // 8 bits, grey, deflate, standard filters, not interlaced.
    let header =
      bigEndian(UInt32(image.width)) + bigEndian(UInt32(image.height)) + [8, 0, 0, 0, 0]
    return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] + chunk("IHDR", header)
      + chunk("IDAT", stored(rows)) + chunk("IEND", [])
  }

  private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    let named = Array(name.utf8) + content
    return bigEndian(UInt32(content.count)) + named + bigEndian(crc32(named))
  }

  /// A zlib stream (RFC 1950) of stored blocks (RFC 1951, section 3.2.4).
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: bytes.count, by: 0xffff) {
      let block = bytes[start..<min(start + 0xffff, bytes.count)]
      let length = UInt16(block.count)
      result.append(block.endIndex == bytes.count ? 1 : 0)
      for value in [length, ~length] { result += [UInt8(value & 0xff), UInt8(value >> 8)] }
      result += block
    }
    return result + bigEndian(adler32(bytes))
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func adler32(_ bytes: [UInt8]) -> UInt32 {
    var (low, high): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      low = (low + UInt32(byte)) % 65521
      high = (high + low) % 65521
    }
    return high << 16 | low
  }

  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var remainder: UInt32 = 0xffff_ffff
    for byte in bytes {
      remainder ^= UInt32(byte)
      for _ in 0..<8 {
        remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0xedb8_8320 : 0)
      }
    }
    return ~remainder
  }
}
