import Foundation

/// A file descriptor that closes itself: the door to the system's calls on files.
///
/// Calls that a signal interrupts are repeated.
final class OpenFile: Sendable {
  let path: String
  let descriptor: Int32

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Opens with these flags; nil where the system refuses, with `errno` set.
  static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) -> OpenFile? {
    // A path with a NUL would be cut there, and another file opened.
    guard !path.utf8.contains(0) else {
      errno = ENOENT
      return nil
    }
    let descriptor = retrying { Foundation.open(path, flags | O_CLOEXEC, mode) }
    return descriptor < 0 ? nil : OpenFile(path: path, descriptor: descriptor)
  }

  /// Opens a regular file for reading.
  ///
  /// - Parameter followingLinks: Whether it may be a symbolic link, or have further names.
  static func reading(
    _ path: String, followingLinks: Bool = true
  ) throws(FormatError) -> (file: OpenFile, count: Int) {
    // Without O_NONBLOCK a named pipe without a writer would hang here.
    let flags = O_RDONLY | O_NONBLOCK | (followingLinks ? 0 : O_NOFOLLOW)
    guard let file = open(path, flags) else {
      throw FormatError(.missing, file: path, found: "cannot be opened: \(lastFailure)")
    }
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else {
      throw FormatError(.unreadable, file: path, found: "cannot be examined: \(lastFailure)")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "a pipe or a device"
      throw FormatError(.malformed, file: path, found: kind, expected: "a file")
    }
    guard followingLinks || status.st_nlink == 1 else {
      throw FormatError(
        .malformed, file: path, found: "a file with \(status.st_nlink) names (hard links)",
        expected: "a file of its own", remedy: "put a copy of the file there")
    }
    InputFiles.add(status)
    return (file, Int(status.st_size))
  }

  /// Fills the buffer from this offset.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FormatError) {
    guard let base = buffer.baseAddress else { return }
    var done = 0
    while done < buffer.count {
      let step = OpenFile.retrying {
        pread(descriptor, base + done, buffer.count - done, off_t(offset + done))
      }
      guard step > 0 else {
        let found =
          step < 0 ? "cannot be read: \(lastFailure)" : "the file shrank while it was read"
        throw FormatError(.unreadable, file: path, at: .byte(offset + done), found: found)
      }
      done += step
    }
  }

  /// Writes the whole buffer at this offset; false where the system refuses, with `errno` set.
  func write(_ buffer: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    guard let base = buffer.baseAddress else { return true }
    var done = 0
    while done < buffer.count {
      let step = OpenFile.retrying {
        pwrite(descriptor, base + done, buffer.count - done, off_t(offset + done))
      }
      guard step > 0 else { return false }
      done += step
    }
    return true
  }

  /// Waits until the device has the content; false where the system refuses, with `errno` set.
  func synchronize() -> Bool { OpenFile.retrying { fsync(descriptor) } == 0 }

  /// Repeats a call that a signal interrupted.
  static func retrying<Result: FixedWidthInteger>(_ call: () -> Result) -> Result {
    while true {
      let result = call()
      if result >= 0 || errno != EINTR { return result }
    }
  }
}

/// The system's words for the call that failed last.
var lastFailure: String { String(cString: strerror(errno)) }
