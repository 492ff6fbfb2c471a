import Foundation

/// Paths that a file names, kept inside a folder.
public enum ContainedPath {
  /// The real path of something inside a folder.
  ///
  /// - Parameters:
  ///   - relative: The path that was read, relative to the folder.
  ///   - folder: The folder that it must not leave, by `..` or by a symbolic link.
  ///   - file: The file in which the path was read, for the error.
  ///   - followingLinks: Whether symbolic links inside the folder are allowed.
  ///   - allowingFolder: Whether the path may be the folder itself, as a link in it may lead there.
  /// - Returns: An absolute path without links.
  /// - Throws: `FormatError` of kind `malformed` where the path leads out, of kind `missing` where
  ///   there is nothing.
  public static func resolve(
    _ relative: String, inside folder: String, namedBy file: String, followingLinks: Bool = true,
    allowingFolder: Bool = false
  ) throws(FormatError) -> String {
    func refused(_ reason: String) -> FormatError {
      FormatError(
        .malformed, file: file, found: "the path \(FormatError.quoted(relative)), which \(reason)",
        expected: "a path inside the folder \(FormatError.quoted(folder))",
        remedy: "put a copy of the file there")
    }
    guard !relative.isEmpty, !relative.utf8.contains(0) else { throw refused("names no file") }
    guard !relative.utf8.starts(with: "/".utf8) else { throw refused("is absolute") }
    let steps = relative.utf8.split(separator: UInt8(ascii: "/"))
    guard !steps.contains(where: { $0.elementsEqual("..".utf8) }) else {
      throw refused("has a step upwards")
    }

    let root = try real(folder, namedBy: file)
    let resolved = try real(folder + "/" + relative, namedBy: file)
    let prefix = root == "/" ? root : root + "/"
    let isFolder = resolved.utf8.elementsEqual(root.utf8)
    guard resolved.utf8.starts(with: prefix.utf8) || allowingFolder && isFolder else {
      throw refused(isFolder ? "is the folder itself" : "is a link that leads out")
    }
    let below = steps.filter { !$0.elementsEqual(".".utf8) }.joined(separator: "/".utf8)
    guard followingLinks || resolved.utf8.dropFirst(prefix.utf8.count).elementsEqual(below) else {
      throw refused("is a symbolic link")
    }
    return resolved
  }

  private static func real(_ path: String, namedBy file: String) throws(FormatError) -> String {
    guard let resolved = realpath(path.isEmpty ? "." : path, nil) else {
      throw absent(
        path, found: "cannot be opened: \(lastFailure)",
        remedy: "\(FormatError.quoted(file)) names it")
    }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The error for what is not there by a name that a folder's list gave, or a file.
  ///
  /// A name that is not UTF-8 comes out of a list with U+FFFD in it, and is found by it no more.
  static func absent(_ path: String, found: String, remedy: String = "") -> FormatError {
    guard errno == ENOENT, path.unicodeScalars.contains("\u{FFFD}") else {
      return FormatError(.missing, file: path, found: found, remedy: remedy)
    }
    return FormatError(
      .malformed, file: path, found: "a name that is not UTF-8", expected: "UTF-8",
      remedy: "rename it")
  }
}
