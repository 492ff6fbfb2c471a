import TensorCore

/// Archives of arrays, written by numpy (`numpy.savez`, `numpy.savez_compressed`).
public enum NPZ {
  /// The first bytes of an archive with members, and of one without.
  static let magic: [UInt8] = [0x50, 0x4b, 0x03, 0x04]
  static let emptyMagic: [UInt8] = [0x50, 0x4b, 0x05, 0x06]

  /// The most bytes that the compressed members together may stand for.
  ///
  /// Members that are not compressed have no such limit: they are read where they stand.
  static let largestInflated = 1 << 30

  /// Reads the arrays of an archive, named as they were given to `numpy.savez`.
  ///
  /// A member that is no whole array of numbers or booleans, intact by its checksum, is unreadable by
  /// its name: it does not spoil the others. Places are bytes of the archive, or, in a file such as
  /// `a.npz/x.npy`, of the member.
  ///
  /// - Throws: `FormatError` where the archive itself is at fault, or holds no array of numpy.
  /// - Complexity: one pass over the file; compressed members are held in memory.
  public static func read(_ source: ByteSource) throws(FormatError) -> ItemTable {
    let archive = try ZipArchive(source)
    guard archive.members.isEmpty || archive.members.contains(where: isArray) else {
      throw foreign(archive, source)
    }
    // A size is at most 1032 times the file's, so that the sum of so many cannot overflow.
    let inflated = archive.members.filter { $0.isDeflated && isArray($0) }.reduce(0) {
      $0 + $1.size
    }
    guard inflated <= largestInflated else {
      throw source.malformed(
        found: "\(inflated) bytes when inflated", expected: "at most \(largestInflated)",
        remedy: "write it with numpy.savez, which does not compress")
    }
    var arrays: [NamedArray] = []
    var unreadable: [ItemTable.Unreadable] = []
    for member in archive.members {
      guard isArray(member) else {
        unreadable.append(.init(member.name, notArray(member, source)))
        continue
      }
      let name = String(member.name.dropLast(4))
      do throws(FormatError) {
        arrays.append(NamedArray(name, try array(of: member, in: archive)))
      } catch { unreadable.append(.init(name, error)) }
    }
    return ItemTable(source.name, arrays, unreadable: unreadable)
  }

  private static func isArray(_ member: ZipArchive.Member) -> Bool { member.name.hasSuffix(".npy") }

  private static func notArray(_ member: ZipArchive.Member, _ source: ByteSource) -> FormatError {
    let kind = member.name.hasSuffix(".pkl") ? ", a Python pickle" : ""
    return source.malformed(
      at: .byte(member.position), found: "the member \(FormatError.quoted(member.name))\(kind)",
      expected: "an array, its name ending in .npy", remedy: "write it with numpy.savez")
  }

  /// The error for an archive of other files.
  private static func foreign(_ archive: ZipArchive, _ source: ByteSource) -> FormatError {
    if archive.members.contains(where: { $0.name.hasSuffix(".pkl") }) {
      return Pickle.refusal(of: source)
    }
    if archive.members.contains(where: { $0.name == "xl/workbook.xml" }) {
      return source.malformed(
        found: "a spreadsheet", expected: "a table as text", remedy: "save it as CSV")
    }
    let names = archive.members.prefix(3).map { FormatError.quoted($0.name) }
    let more = archive.members.count > 3 ? " and \(archive.members.count - 3) more" : ""
    return source.malformed(
      found: "a zip archive of \(names.joined(separator: ", "))\(more)",
      expected: "one of numpy's arrays, or the file itself",
      remedy: "unpack it: unzip \(FormatError.shellWord(source.name, else: "FILE.zip"))")
  }

  private static func array(
    of member: ZipArchive.Member, in archive: ZipArchive
  ) throws(FormatError) -> StoredArray {
    if member.isDeflated {
      // The header must agree with the size before anything of that size is held.
      let start = try archive.start(of: member, at: largestStart(of: member))
      let size = try NPY.byteCount(from: start)
      guard size == member.size else {
        throw start.malformed(
          found: "an array of \(size) bytes", expected: "\(member.size), as the archive says",
          remedy: "write it again with numpy.savez")
      }
    }
    return try NPY.read(archive.content(of: member))
  }

  private static func largestStart(of member: ZipArchive.Member) -> Int {
    min(NPY.largestStart, member.size)
  }
}

extension NPZ {
  /// The entry of the registry.
  static let format = FileFormat(
    name: "npz", extensions: ["npz"], summary: "named arrays, written by numpy.savez",
    recognises: { source throws(FormatError) in
      let start = try source.prefix(magic.count)
      return start == magic || start == emptyMagic
    },
    read: { source throws(FormatError) in try read(source) })
}
