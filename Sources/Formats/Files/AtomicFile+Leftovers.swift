import Foundation

extension AtomicFile {
  /// Whether this is the name of a temporary file: `NAME.PID-N.part`.
  package static func isTemporary(_ name: String) -> Bool {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[parts.count - 1] == "part" else { return false }
    let numbers = parts[parts.count - 2].split(separator: "-", omittingEmptySubsequences: false)
    return numbers.count == 2
      && numbers.allSatisfy { number in
        !number.isEmpty
          && number.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      }
  }

  /// Removes what stands under a name in a folder, if a killed process can have left it there.
  ///
  /// That is a regular file with the name of a temporary one. Folders and links stay.
  package static func removeLeftover(_ name: String, in folder: String) {
    let path = "\(folder)/\(name)"
    var status = stat()
    guard isTemporary(name), lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return
    }
    unlink(path)
  }
}
