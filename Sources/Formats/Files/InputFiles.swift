import Foundation
import Synchronization

/// The files that this process has opened for reading: what no output of it may take the place of.
///
/// They are known by device and number, whatever name they are called by.
package enum InputFiles {
  private struct Identity: Hashable {
    var device: UInt64
    var number: UInt64

    init(_ status: stat) {
      device = UInt64(truncatingIfNeeded: status.st_dev)
      number = UInt64(truncatingIfNeeded: status.st_ino)
    }
  }

  private static let known = Mutex<Set<Identity>>([])

  static func add(_ status: stat) {
    let identity = Identity(status)
    known.withLock { _ = $0.insert(identity) }
  }

  /// Whether this is one of them.
  package static func contains(path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && contains(status)
  }

  /// Whether an open file is one of them.
  package static func contains(descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && contains(status)
  }

  private static func contains(_ status: stat) -> Bool {
    let identity = Identity(status)
    return known.withLock { $0.contains(identity) }
  }
}
