/// Compressed files and archives, which are refused with the command that expands them: only the
/// array files of the MNIST family are read as they are compressed.
enum Compressed {
  /// What is known of a kind.
  private struct Kind {
    let name: String
    let magic: [UInt8]
    let extensions: [String]
    let command: String
  }

  private static let kinds = [
    Kind(name: "gzip", magic: Inflater.gzipMagic, extensions: ["gz", "tgz"], command: "gunzip"),
    Kind(name: "bzip2", magic: Array("BZh".utf8), extensions: ["bz2", "tbz"], command: "bunzip2"),
    Kind(
      name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], extensions: ["xz", "txz"],
      command: "unxz"),
    Kind(
      name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], extensions: ["zst", "zstd"],
      command: "unzstd"),
    Kind(name: "lz4", magic: [0x04, 0x22, 0x4d, 0x18], extensions: ["lz4"], command: "unlz4"),
    Kind(name: "compress", magic: [0x1f, 0x9d], extensions: ["z"], command: "uncompress"),
    Kind(
      name: "7-Zip", magic: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], extensions: ["7z"],
      command: "7z x"),
    Kind(name: "RAR", magic: Array("Rar!".utf8), extensions: ["rar"], command: "unrar x"),
  ]

  private static let tarMagic = Array("ustar".utf8)
  /// Where the magic of a tar archive stands.
  private static let tarOffset = 257

  /// The error for a compressed file; nil where its first bytes are of none.
  static func refusal(of source: ByteSource) throws(FormatError) -> FormatError? {
    let start = try source.prefix(tarOffset + tarMagic.count)
    let kind = kinds.first { start.starts(with: $0.magic) }
    let name = source.name.lowercased()
    let isTar =
      start.dropFirst(tarOffset).elementsEqual(tarMagic)
      || kind != nil && [".tar", ".tgz", ".tbz", ".txz"].contains { name.contains($0) }
    guard kind != nil || isTar else { return nil }
    let file = FormatError.shellWord(source.name, else: "FILE")
    return source.malformed(
      found: isTar ? "an archive of tar" : "a file compressed with \(kind?.name ?? "")",
      expected: "the plain file",
      remedy: "expand it first: " + (isTar ? "tar -xf" : kind?.command ?? "") + " \(file)")
  }

  /// The entry of the registry.
  static let format = FileFormat(
    name: "compressed", extensions: kinds.flatMap(\.extensions) + ["tar"],
    summary: "gzip, bzip2, xz, zstd, tar; refused, with the command that expands them",
    recognises: { source throws(FormatError) in try refusal(of: source) != nil },
    read: { source throws(FormatError) in
      throw try refusal(of: source)
        ?? source.malformed(
          found: "content that is not compressed as the name says", expected: "the plain file",
          remedy: "give the file the right ending")
    })
}
