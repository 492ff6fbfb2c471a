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
  /// - Throws: `FormatError` for anything but whole arrays of numbers or booleans, each intact by
  ///   its checksum. Places are bytes of the archive, or, in a file such as `a.npz/x.npy`, of the
  ///   member.
  /// - Complexity: one pass over the file; compressed members are held in memory.
  public static func read(_ source: ByteSource) throws(FormatError) -> [NamedArray] {
    let archive = try ZipArchive(source)
    if archive.members.contains(where: { $0.name.hasSuffix(".pkl") }) {
      throw Pickle.refusal(of: source)
    }
    if let other = archive.members.first(where: { !$0.name.hasSuffix(".npy") }) {
      throw source.malformed(
        at: .byte(other.position), found: "the member \(FormatError.quoted(other.name))",
        expected: "arrays, their names ending in .npy", remedy: "write it with numpy.savez")
    }
    // A size is at most 1032 times the file's, so that the sum of so many cannot overflow.
    let inflated = archive.members.filter(\.isDeflated).reduce(0) { $0 + $1.size }
    guard inflated <= largestInflated else {
      throw source.malformed(
        found: "\(inflated) bytes when inflated", expected: "at most \(largestInflated)",
        remedy: "write it with numpy.savez, which does not compress")
    }
    var arrays: [NamedArray] = []
    for member in archive.members {
      arrays.append(NamedArray(String(member.name.dropLast(4)), try array(of: member, in: archive)))
    }
    return arrays
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
