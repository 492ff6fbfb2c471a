/// How the characters of a text file are written as bytes: UTF-8 is read.
enum TextEncoding {
  /// The mark that some programs write before UTF-8.
  static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  /// The marks before other encodings; those of UTF-32 begin like those of UTF-16.
  private static let marks: [(bytes: [UInt8], name: String)] = [
    ([0xff, 0xfe, 0, 0], "UTF-32"), ([0, 0, 0xfe, 0xff], "UTF-32"), ([0xff, 0xfe], "UTF-16"),
    ([0xfe, 0xff], "UTF-16"),
  ]

  /// The encoding that a file begins like, if it is another than UTF-8.
  ///
  /// Text in UTF-16 without a mark is known by its zeros, one beside each character of ASCII.
  private static func other(_ bytes: [UInt8]) -> String? {
    if let mark = marks.first(where: { bytes.starts(with: $0.bytes) }) { return mark.name }
    let start = bytes.prefix(512)
    let zeros = [0, 1].map { parity in
      start.indices.count { $0 % 2 == parity && start[$0] == 0 }
    }
    let most = zeros.max() ?? 0
    return start.count >= 8 && zeros.contains(0) && most * 3 > start.count ? "UTF-16" : nil
  }

  /// The error for the bytes of a file in another encoding, or of one that is compressed; nil for all
  /// others.
  static func refusal(of bytes: [UInt8], in source: ByteSource) -> FormatError? {
    if let name = other(bytes) {
      let file = FormatError.shellWord(source.name, else: "FILE")
      return source.malformed(
        found: "text in \(name)", expected: "UTF-8",
        remedy: "save it as UTF-8: iconv -f \(name) -t UTF-8 \(file) > NEW")
    }
    return (try? Compressed.refusal(of: source)) ?? nil
  }
}

extension ByteSource {
  /// All bytes of a text file but a byte order mark.
  ///
  /// - Throws: `FormatError` for a text in UTF-16 or UTF-32, and for a compressed file. Whether the
  ///   bytes are UTF-8 is not looked at.
  package func text() throws(FormatError) -> ArraySlice<UInt8> {
    let bytes = try bytes(count)
    if let fault = TextEncoding.refusal(of: bytes, in: self) { throw fault }
    return bytes.starts(with: TextEncoding.byteOrderMark) ? bytes.dropFirst(3) : bytes[...]
  }
}
