import Foundation
import Synchronization

/// A file that appears under its name whole or not at all.
///
/// The bytes go to a temporary name in the same folder. ``commit()`` waits for the device, renames,
/// and waits for the folder; without it the temporary file disappears with the last reference. Only
/// a killed process can leave one behind, its name ending in `.part`; the next file of that name
/// removes it.
public final class AtomicFile: Sendable {
  private struct State {
    var count = 0
    var isCommitted = false
  }

  /// The name that the file will have.
  public let path: String
  private let temporary: OpenFile
  private let state = Mutex(State())
  private static let counter = Atomic<Int>(0)

  /// Creates the temporary file.
  ///
  /// - Throws: `FormatError` of kind `uncreatable` where the folder does not allow it, or where the
  ///   name belongs to something that is not a regular file (a link is not followed).
  public init(path: String) throws(FormatError) {
    self.path = path
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw FormatError(
        .uncreatable, file: path, found: "a folder, a link or a device of that name",
        expected: "a new name or a file to replace", remedy: "choose another name")
    }
    let (folder, name) = AtomicFile.split(path)
    // A name may have 255 bytes; a long one is shortened to make room.
    let stem = name.utf8.count <= 255 - AtomicFile.longestSuffix ? name : ""
    AtomicFile.removeLeftovers(of: stem, in: folder)
    guard !name.isEmpty, let file = AtomicFile.makeTemporary(folder + stem) else {
      throw FormatError(
        .uncreatable, file: path,
        found: "cannot be created: \(name.isEmpty ? "it has no file name" : lastFailure)")
    }
    temporary = file
  }

  /// The bytes of `.PID-N.part` at most.
  private static let longestSuffix = 48

  /// Makes a temporary file that says by a lock that somebody is at work on it; nil where the system
  /// refuses, with `errno` set.
  private static func makeTemporary(_ stem: String) -> OpenFile? {
    while true {
      let number = counter.add(1, ordering: .relaxed).newValue
      let file = OpenFile.open(
        "\(stem).\(getpid())-\(number).part", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666)
      guard let file else {
        // A killed process of the same number, as first ones of containers have it.
        if errno == EEXIST { continue }
        return nil
      }
      // Another process may take it for a leftover in the moment before it is locked.
      let isLocked = OpenFile.retrying { flock(file.descriptor, LOCK_EX | LOCK_NB) } == 0
      var status = stat()
      if !isLocked, errno == EWOULDBLOCK { continue }
      if fstat(file.descriptor, &status) == 0, status.st_nlink == 0 { continue }
      return file
    }
  }

  deinit {
    if !state.withLock(\.isCommitted) { unlink(temporary.path) }
  }

  /// Writes a whole file.
  public static func write(_ bytes: [UInt8], to path: String) throws(FormatError) {
    let file = try AtomicFile(path: path)
    try file.append(bytes)
    try file.commit()
  }

  /// Appends bytes.
  public func append(_ bytes: [UInt8]) throws(FormatError) {
    let isWritten = bytes.withUnsafeBytes(appendBytes)
    guard isWritten else { throw unwritable }
  }

  /// Appends bytes.
  func append(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    guard appendBytes(bytes) else { throw unwritable }
  }

  /// Gives the file its length, so that it can be written in any order.
  func resize(to count: Int) throws(FormatError) {
    guard OpenFile.retrying({ ftruncate(temporary.descriptor, off_t(count)) }) == 0 else {
      throw unwritable
    }
  }

  /// Writes at an offset; several threads may, each at its own place.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FormatError) {
    guard temporary.write(bytes, at: offset) else { throw unwritable }
  }

  /// Gives the file its name, for good.
  ///
  /// - Precondition: It was not committed before.
  public func commit() throws(FormatError) {
    precondition(!state.withLock(\.isCommitted), "a file is committed once")
    guard temporary.synchronize(),
      OpenFile.retrying({ rename(temporary.path, path) }) == 0
    else { throw unwritable }
    state.withLock { $0.isCommitted = true }
    let (folder, _) = AtomicFile.split(path)
    guard let directory = OpenFile.open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY),
      directory.synchronize() || errno == EINVAL  // Some file systems cannot, and need not.
    else { throw unwritable }
  }

  private func appendBytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      guard temporary.write(bytes, at: state.count) else { return false }
      state.count += bytes.count
      return true
    }
  }

  private var unwritable: FormatError {
    FormatError(.unwritable, file: path, found: "cannot be written: \(lastFailure)")
  }

  /// The folder with its slash, empty for the current one, and the name in it.
  private static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }
}
