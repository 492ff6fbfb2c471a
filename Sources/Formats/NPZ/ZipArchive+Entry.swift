extension ZipArchive {
  /// What the directory says of one member.
  struct Entry {
    /// Where the entry begins.
    let position: Int
    let name: [UInt8]
    private let flags: UInt16
    private let method: UInt16
    private let checksum: UInt32
    private var compressedSize: Int
    private var size: Int
    private var header: Int

    /// A number that stands for a longer one elsewhere.
    private static let elsewhere = Int(UInt32.max)

    /// Steps over an entry.
    init(_ reader: inout ByteReader) throws(FormatError) {
      position = reader.offset
      guard reader.skip("PK\u{01}\u{02}") else {
        throw reader.malformed(found: reader.foundAhead, expected: "an entry of the directory")
      }
      _ = try reader.take(4, of: "versions")
      flags = try reader.short()
      method = try reader.short()
      _ = try reader.take(4, of: "time")
      checksum = try reader.word()
      compressedSize = Int(try reader.word())
      size = Int(try reader.word())
      let lengths = (Int(try reader.short()), Int(try reader.short()), Int(try reader.short()))
      _ = try reader.take(8, of: "attributes")
      header = Int(try reader.word())
      name = Array(try reader.take(lengths.0, of: "a name"))
      let extraOffset = reader.offset
      var extra = ByteReader(
        Array(try reader.take(lengths.1, of: "extra fields")), file: reader.file, at: extraOffset)
      _ = try reader.take(lengths.2, of: "a comment")
      try readLongNumbers(&extra)
    }

    /// Takes the numbers that do not fit four bytes from the field that has them.
    private mutating func readLongNumbers(_ extra: inout ByteReader) throws(FormatError) {
      while extra.remaining > 0 {
        let (kind, length) = (try extra.short(), Int(try extra.short()))
        let offset = extra.offset
        var field = ByteReader(
          Array(try extra.take(length, of: "an extra field")), file: extra.file, at: offset)
        guard kind == 1 else { continue }
        if size == Entry.elsewhere { size = try field.long() }
        if compressedSize == Entry.elsewhere { compressedSize = try field.long() }
        if header == Entry.elsewhere { header = try field.long() }
      }
    }

    /// The member, which must stand before the directory.
    func member(in source: ByteSource, before directory: Int) throws(FormatError) -> Member {
      let name = try checkedName(in: source)
      func refused(_ found: String, _ expected: String) -> FormatError {
        source.malformed(
          at: .byte(position), found: "\(FormatError.quoted(name)), \(found)", expected: expected,
          remedy: "write it again with numpy.savez")
      }
      // The bits that may be set: two of the compression, sizes that follow the bytes, UTF-8.
      guard flags & ~0b1000_0000_1110 == 0 else {
        throw refused(flags & 1 == 1 ? "which is encrypted" : "with flags \(flags)", "a plain one")
      }
      guard method == 0 || method == 8 else {
        throw refused("compressed by method \(method)", "none or deflate")
      }
      let start = try contentStart(in: source, before: directory)
      guard compressedSize <= directory - start else {
        throw refused(
          "\(compressedSize) bytes from byte \(start) on", "the end by byte \(directory)")
      }
      let isDeflated = method == 8
      guard isDeflated || compressedSize == size else {
        throw refused("\(compressedSize) bytes for a content of \(size)", "as many")
      }
      guard size / Inflater.largestRatio <= compressedSize else {
        throw refused(
          "\(compressedSize) compressed bytes for a content of \(size)",
          "at least \(size / Inflater.largestRatio)")
      }
      return Member(
        name: name, position: position, isDeflated: isDeflated, checksum: checksum, size: size,
        header: header, bytes: start..<start + compressedSize)
    }

    private func checkedName(in source: ByteSource) throws(FormatError) -> String {
      let text = String(validating: name, as: UTF8.self)
      let steps = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      // A folder's name ends in a slash.
      let isPlain = !steps.enumerated().contains { place, step in
        step.isEmpty && (place == 0 || place + 1 < steps.count) || step.elementsEqual("..".utf8)
      }
      guard let text, isPlain, name.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\\") }) else {
        throw source.malformed(
          at: .byte(position),
          found: "the name \(FormatError.quoted(String(decoding: name, as: UTF8.self)))",
          expected: "a plain name in UTF-8, which leads nowhere",
          remedy: "write it again with numpy.savez")
      }
      return text
    }

    /// Where the content begins: after the member's own header, which must be of the same file.
    private func contentStart(
      in source: ByteSource, before directory: Int
    ) throws(FormatError) -> Int {
      let size = 30
      guard header <= directory - size else {
        throw source.malformed(
          at: .byte(position), found: "a member from byte \(header) on",
          expected: "one before byte \(directory)", remedy: "write it again with numpy.savez")
      }
      var reader = ByteReader(try source.bytes(size, at: header), file: source.name, at: header)
      let start = reader
      let isHeader = reader.skip("PK\u{03}\u{04}")
      _ = try reader.take(2, of: "version")
      let kind = (try reader.short(), try reader.short())
      _ = try reader.take(16, of: "time, checksum and sizes")
      let lengths = (Int(try reader.short()), Int(try reader.short()))
      guard isHeader, kind == (flags, method), lengths.0 == name.count,
        lengths.0 + lengths.1 <= directory - header - size,
        try source.bytes(lengths.0, at: header + size) == name
      else {
        throw start.malformed(
          found: "another header", expected: "that of the member the directory says",
          remedy: "the file is damaged: copy or write it again")
      }
      return header + size + lengths.0 + lengths.1
    }
  }
}
