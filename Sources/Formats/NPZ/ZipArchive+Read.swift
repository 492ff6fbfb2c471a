extension ZipArchive {
  /// Reads the directory of an archive.
  ///
  /// - Throws: `FormatError`, naming the byte, for what is damaged, encrypted, compressed otherwise
  ///   than by deflate, or contradicts itself.
  init(_ source: ByteSource) throws(FormatError) {
    let end = try End(of: source)
    var reader = ByteReader(
      try source.bytes(end.directory.count, at: end.directory.lowerBound), file: source.name,
      at: end.directory.lowerBound)
    var members: [Member] = []
    var names: Set<[UInt8]> = []
    for _ in 0..<end.members {
      let entry = try Entry(&reader)
      guard names.insert(entry.name).inserted else {
        throw source.malformed(
          at: .byte(entry.position),
          found:
            "the member \(FormatError.quoted(String(decoding: entry.name, as: UTF8.self))) again",
          expected: "each name once")
      }
      members.append(try entry.member(in: source, before: end.directory.lowerBound))
    }
    guard reader.remaining == 0 else {
      throw reader.malformed(
        found: "more of the directory", expected: "its end after \(end.members) members")
    }
    try ZipArchive.checkOverlaps(members, in: source)
    self.source = source
    self.members = members
  }

  private static func checkOverlaps(
    _ members: [Member], in source: ByteSource
  ) throws(FormatError) {
    let sorted = members.sorted { $0.header < $1.header }
    for (member, next) in zip(sorted, sorted.dropFirst())
    where member.bytes.upperBound > next.header {
      throw source.malformed(
        at: .byte(next.position), found: "a member from byte \(next.header) on",
        expected: "\(member.bytes.upperBound) or later, where another ends",
        remedy: "write it again with numpy.savez")
    }
  }

  /// What the end of an archive says: where its directory is, and of how many members.
  private struct End {
    var directory: Range<Int>
    var members: Int

    /// The size of the record without its comment.
    private static let size = 22
    /// The size of the record that points to the longer one.
    private static let locatorSize = 20
    /// The size of the longer record, of archives with large numbers.
    private static let longSize = 56

    init(of source: ByteSource) throws(FormatError) {
      let position = try End.position(in: source)
      var reader = ByteReader(
        try source.bytes(End.size, at: position), file: source.name, at: position)
      _ = try reader.take(4, of: "signature")
      var disks = [Int(try reader.short()), Int(try reader.short())]
      var counts = [Int(try reader.short()), Int(try reader.short())]
      var size = Int(try reader.word())
      var start = Int(try reader.word())
      var limit = position
      if let long = try End.longRecord(before: position, in: source) {
        var reader = long
        limit = reader.offset
        _ = try reader.take(16, of: "signature, size and versions")
        disks = [Int(try reader.word()), Int(try reader.word())]
        counts = [try reader.long(), try reader.long()]
        size = try reader.long()
        start = try reader.long()
      }
      guard disks == [0, 0], counts[0] == counts[1] else {
        throw source.malformed(
          at: .byte(limit), found: "a part of an archive of several files", expected: "a whole one")
      }
      guard counts[0] <= ZipArchive.mostMembers, size <= ZipArchive.largestDirectory else {
        throw source.malformed(
          at: .byte(limit), found: "\(counts[0]) members, \(size) bytes of directory",
          expected: "at most \(ZipArchive.mostMembers) and \(ZipArchive.largestDirectory)")
      }
      guard start <= limit, limit - start == size else {
        throw source.malformed(
          at: .byte(limit), found: "a directory of \(size) bytes from byte \(start) on",
          expected: "one that ends at byte \(limit)", remedy: "write it again with numpy.savez")
      }
      directory = start..<limit
      members = counts[0]
    }

    /// Where the record begins: the last one whose comment ends with the file.
    private static func position(in source: ByteSource) throws(FormatError) -> Int {
      let count = min(source.count, size + 0xffff)
      let tail = try source.bytes(count, at: source.count - count)
      for start in stride(from: count - size, through: 0, by: -1)
      where tail[start] == 0x50 && tail[start...].starts(with: NPZ.emptyMagic) {
        let comment = Int(tail[start + 20]) | Int(tail[start + 21]) << 8
        if comment == count - size - start { return source.count - count + start }
      }
      throw source.malformed(
        at: .byte(source.count), found: "no end of an archive", expected: "its directory",
        remedy: "the file is cut short: copy or write it again")
    }

    /// The longer record, which stands before the usual one in archives that need it; nil where
    /// there is none.
    private static func longRecord(
      before end: Int, in source: ByteSource
    ) throws(FormatError) -> ByteReader? {
      guard end >= locatorSize else { return nil }
      let position = end - locatorSize
      var locator = ByteReader(
        try source.bytes(locatorSize, at: position), file: source.name, at: position)
      guard locator.skip("PK\u{06}\u{07}") else { return nil }
      _ = try locator.word()
      let start = try locator.long()
      guard start <= position, position - start == longSize else {
        throw locator.malformed(
          found: "the end record at byte \(start)",
          expected: "it at byte \(position - longSize), before its locator")
      }
      var reader = ByteReader(try source.bytes(longSize, at: start), file: source.name, at: start)
      let record = reader
      guard reader.skip("PK\u{06}\u{06}"), try reader.long() == longSize - 12 else {
        throw record.malformed(found: "other bytes", expected: "an end record of 56 bytes")
      }
      return record
    }
  }
}

extension ByteReader {
  /// Steps over two bytes, the least significant first.
  mutating func short() throws(FormatError) -> UInt16 {
    try integer(UInt16.self, .littleEndian, of: "the directory")
  }

  /// Steps over four bytes, the least significant first.
  mutating func word() throws(FormatError) -> UInt32 {
    try integer(UInt32.self, .littleEndian, of: "the directory")
  }

  /// Steps over eight bytes, the least significant first, that are a size or a place in a file.
  mutating func long() throws(FormatError) -> Int {
    let start = self
    let value = try integer(UInt64.self, .littleEndian, of: "the directory")
    guard let size = Int(exactly: value) else {
      throw start.malformed(found: "the number \(value)", expected: "one below 2^63")
    }
    return size
  }
}
