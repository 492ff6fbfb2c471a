import Foundation

/// The sole right to write in a folder, held until the value goes away.
///
/// The lock is the system's (`flock` on a file named `lock`), so that it ends with the process, in
/// whatever way that ends. The file stays; it holds the number of the process that locked last.
public final class DirectoryLock: Sendable {
  private let file: OpenFile

  /// Takes the lock of a folder at once or not at all.
  ///
  /// - Throws: `FormatError` of kind `locked`, naming the process, where another holds it; of kind
  ///   `uncreatable` where the folder cannot be written.
  public init(folder: String) throws(FormatError) {
    let path = folder.hasSuffix("/") ? folder + "lock" : folder + "/lock"
    guard let file = OpenFile.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o666)
    else {
      throw FormatError(.uncreatable, file: path, found: "cannot be created: \(lastFailure)")
    }
    guard OpenFile.retrying({ flock(file.descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
      guard errno == EWOULDBLOCK else {
        throw FormatError(.uncreatable, file: path, found: "cannot be locked: \(lastFailure)")
      }
      throw FormatError(
        .locked, file: folder, found: "in use by \(DirectoryLock.holder(of: file))",
        remedy: "wait until it ends, or end it")
    }
    self.file = file
    var status = stat()
    guard fstat(file.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_nlink == 1
    else {
      throw FormatError(
        .uncreatable, file: path, found: "a file that has another name too, or is none",
        expected: "a file of its own", remedy: "remove it")
    }
    let line = Array("\(getpid())\n".utf8)
    guard OpenFile.retrying({ ftruncate(file.descriptor, 0) }) == 0,
      line.withUnsafeBytes({ file.write($0, at: 0) })
    else {
      throw FormatError(.unwritable, file: path, found: "cannot be written: \(lastFailure)")
    }
  }

  /// Whether the folder still is where it was locked.
  package var isInPlace: Bool {
    var (held, present) = (stat(), stat())
    return fstat(file.descriptor, &held) == 0 && lstat(file.path, &present) == 0
      && held.st_ino == present.st_ino && held.st_dev == present.st_dev
  }

  /// The lock belongs to all descriptors of the open file, a forked child's too: closing one is not
  /// enough.
  deinit { flock(file.descriptor, LOCK_UN) }

  private static func holder(of file: OpenFile) -> String {
    var digits = [UInt8](repeating: 0, count: 20)
    let count = pread(file.descriptor, &digits, digits.count, 0)
    let text = String(decoding: digits.prefix(max(count, 0)).prefix { $0 > 0x20 }, as: UTF8.self)
    return Int32(text).map { "process \($0)" } ?? "another process"
  }
}
