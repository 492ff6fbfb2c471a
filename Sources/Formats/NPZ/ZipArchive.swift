import CZlib

/// The members of a zip archive, as its central directory lists them.
///
/// The directory alone is trusted. Members must not overlap, so that no byte is read twice, and
/// what a member says of its size is compared with what so many compressed bytes can stand for.
struct ZipArchive {
  /// A file in the archive.
  struct Member {
    /// Its name; relative, without steps upwards, the only one of that name.
    var name: String
    /// Where the directory speaks of it, for errors.
    var position: Int
    /// Whether its bytes are compressed.
    var isDeflated: Bool
    /// The CRC-32 of its content.
    var checksum: UInt32
    /// The size of its content.
    var size: Int
    /// Where its own header begins.
    var header: Int
    /// Where its bytes stand in the archive.
    var bytes: Range<Int>
  }

  let source: ByteSource
  /// The members in the order of the directory.
  let members: [Member]

  /// The most members.
  static let mostMembers = 65_535
  /// The longest directory.
  static let largestDirectory = 1 << 24

  /// The first bytes of the content of a member that is compressed.
  func start(of member: Member, at count: Int) throws(FormatError) -> ByteSource {
    let bytes = try Inflater(part(member), .none).take(count)
    return ByteSource(bytes, name: path(member))
  }

  /// The content of a member, intact by its size and its checksum.
  ///
  /// - Complexity: one pass; a member that is not compressed stays where it stands.
  func content(of member: Member) throws(FormatError) -> ByteSource {
    var content = part(member)
    if member.isDeflated {
      let inflater = try Inflater(content, .none)
      content = ByteSource(try inflater.take(member.size), name: path(member))
      try inflater.finish()
    }
    var checksum: UInt = 0
    try content.forEachChunk(of: 0..<content.count, size: 1 << 20) { chunk throws(FormatError) in
      checksum = crc32_z(
        checksum, chunk.assumingMemoryBound(to: UInt8.self).baseAddress, chunk.count)
    }
    guard checksum == UInt(member.checksum) else {
      throw content.malformed(
        found: "the checksum \(String(checksum, radix: 16))",
        expected: "\(String(member.checksum, radix: 16)), which the archive says",
        remedy: "the file is damaged: copy or write it again")
    }
    return content
  }

  private func part(_ member: Member) -> ByteSource {
    source.part(member.bytes, name: path(member))
  }

  private func path(_ member: Member) -> String { "\(source.name)/\(member.name)" }
}
