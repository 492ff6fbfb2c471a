import Formats

/// A zip archive to be made byte by byte, with everything that can be wrong about one.
struct ZipBuilder {
  struct Member {
    var name = Array("x.npy".utf8)
    /// The name in the member's own header; `name` where nil.
    var ownName: [UInt8]?
    var flags: UInt16 = 0
    var method: UInt16 = 0
    /// The bytes that stand in the archive.
    var bytes: [UInt8] = []
    var checksum: UInt32?
    var size: Int?
    var compressedSize: Int?
    /// Where the directory says that the member begins; where it does, when nil.
    var position: Int?
    /// Whether the directory has the numbers in eight bytes.
    var isLong = false

    init(_ name: String = "x.npy", _ bytes: [UInt8] = []) {
      self.name = Array(name.utf8)
      self.bytes = bytes
    }
  }

  var members: [Member] = []
  var comment: [UInt8] = []
  /// The number of members that the end says; the true one where nil.
  var count: Int?
  /// Added to where the end says that the directory begins.
  var shift = 0
  /// Whether there is a longer end record, with the numbers in eight bytes.
  var isLong = false

  func build() -> [UInt8] {
    var result: [UInt8] = []
    var directory: [UInt8] = []
    for member in members {
      let position = member.position ?? result.count
      let own = member.ownName ?? member.name
      result += [0x50, 0x4b, 3, 4, 45, 0] + little(member.flags) + little(member.method)
      result += [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 0xff, count: 8)
      result += little(UInt16(own.count)) + [0, 0] + own + member.bytes

      let sizes = (member.compressedSize ?? member.bytes.count, member.size ?? member.bytes.count)
      let long = littleEndian(UInt64(sizes.1)) + littleEndian(UInt64(sizes.0))
      let extra =
        member.isLong
        ? [9, 0, 1, 0, 0, 1, 0, 24, 0] + long + littleEndian(UInt64(position)) : []
      directory += [0x50, 0x4b, 1, 2, 45, 3, 45, 0] + little(member.flags) + little(member.method)
      directory += [0, 0, 0, 0] + little(member.checksum ?? crc32(member.bytes))
      for number in [sizes.0, sizes.1] {
        directory += member.isLong ? [255, 255, 255, 255] : little(UInt32(number))
      }
      directory += little(UInt16(member.name.count)) + little(UInt16(extra.count))
      directory += [UInt8](repeating: 0, count: 10)
      directory += member.isLong ? [255, 255, 255, 255] : little(UInt32(position))
      directory += member.name + extra
    }
    let start = result.count + shift
    let count = self.count ?? members.count
    result += directory
    if isLong {
      let end = UInt64(result.count)
      result += [0x50, 0x4b, 6, 6] + littleEndian(44) + [45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      result += littleEndian(UInt64(count)) + littleEndian(UInt64(count))
      result += littleEndian(UInt64(directory.count)) + littleEndian(UInt64(start))
      result += [0x50, 0x4b, 6, 7, 0, 0, 0, 0] + littleEndian(end) + [1, 0, 0, 0]
    }
    result += [0x50, 0x4b, 5, 6, 0, 0, 0, 0]
    result += isLong ? [255, 255, 255, 255] : little(UInt16(count)) + little(UInt16(count))
    result +=
      isLong
      ? [UInt8](repeating: 255, count: 8)
      : little(UInt32(directory.count)) + little(UInt32(start))
    return result + little(UInt16(comment.count)) + comment
  }
}

func little<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> [UInt8] {
  (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

/// The checksum of zip archives and of PNG files, bit by bit.
func crc32(_ bytes: [UInt8]) -> UInt32 {
  ~bytes.reduce(~0) { checksum, byte in
    (0..<8).reduce(checksum ^ UInt32(byte)) { value, _ in
      value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1
    }
  }
}

/// Deflated bytes that are not compressed, in blocks of at most 65,535.
func deflatedPlainly(_ bytes: [UInt8]) -> [UInt8] {
  var result: [UInt8] = []
  for start in stride(from: 0, to: max(bytes.count, 1), by: 65_535) {
    let block = bytes[start..<min(start + 65_535, bytes.count)]
    let length = UInt16(block.count)
    result += [block.endIndex == bytes.count ? 1 : 0] + little(length) + little(~length) + block
  }
  return result
}
