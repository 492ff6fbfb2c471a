import Foundation
import Synchronization

extension AtomicFile {
  /// Whether this is the name of a temporary file: `NAME.PID-N.part`.
  package static func isTemporary(_ name: String) -> Bool { stem(ofTemporary: name) != nil }

  /// `NAME` of the name of a temporary file; nil for other names.
  private static func stem(ofTemporary name: String) -> String? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[parts.count - 1] == "part" else { return nil }
    let numbers = parts[parts.count - 2].split(separator: "-", omittingEmptySubsequences: false)
    let areNumbers = numbers.allSatisfy { number in
      !number.isEmpty
        && number.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
    guard numbers.count == 2, areNumbers else { return nil }
    return parts.dropLast(2).joined(separator: ".")
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

  /// The temporary files that stood in a folder when this process first wrote there, by their stems.
  private static let found = Mutex<[String: [String: [String]]]>([:])

  /// Removes the temporary files of a name that nobody is at work on.
  ///
  /// Whoever is at work on one holds its lock, on whichever machine or in whichever container; the
  /// number of a process would not tell. Each folder is listed once.
  ///
  /// - Parameter folder: With its slash, or empty for the current one.
  static func removeLeftovers(of stem: String, in folder: String) {
    let names = found.withLock { found in
      if found[folder] == nil {
        let names = try? FileManager.default.contentsOfDirectory(
          atPath: folder.isEmpty ? "." : folder)
        found[folder] = Dictionary(
          grouping: (names ?? []).filter(isTemporary), by: { self.stem(ofTemporary: $0) ?? "" })
      }
      return found[folder]?.removeValue(forKey: stem) ?? []
    }
    for name in names {
      let path = folder + name
      guard let file = OpenFile.open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK) else { continue }
      var (opened, present) = (stat(), stat())
      guard fstat(file.descriptor, &opened) == 0, opened.st_mode & S_IFMT == S_IFREG,
        flock(file.descriptor, LOCK_EX | LOCK_NB) == 0, lstat(path, &present) == 0,
        opened.st_ino == present.st_ino, opened.st_dev == present.st_dev
      else { continue }
      unlink(path)
    }
  }
}
