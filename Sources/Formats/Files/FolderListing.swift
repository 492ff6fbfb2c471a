import Foundation

/// What a folder holds.
enum FolderListing {
  /// The names in a folder that are not hidden, ordered by their bytes.
  ///
  /// - Parameter name: What errors call the folder.
  /// - Throws: `FormatError` where the folder cannot be listed, or a name is not UTF-8.
  static func names(in folder: String, named name: String) throws(FormatError) -> [String] {
    guard let stream = opendir(folder) else {
      throw FormatError(
        .missing, file: name, found: "a folder that cannot be listed: \(lastFailure)")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard bytes.first != UInt8(ascii: ".") else { continue }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw FormatError(
          .malformed, file: name, found: "the file name \(FormatError.quoted(escaped(bytes)))",
          expected: "names in UTF-8", remedy: "rename it")
      }
      names.append(text)
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Bytes beyond ASCII as `\xe9`.
  private static func escaped(_ bytes: [UInt8]) -> String {
    bytes.map { $0 < 0x80 ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }.joined()
  }
}
