import Foundation

/// The most memory that this process could ever have.
///
/// A system that promises more memory than it has ends the program at the first touch instead of
/// refusing, so its word is not enough.
package enum MemoryLimit {
  /// The bytes of the machine, or of the control group where that has fewer.
  static let bytes = least(of: physical, andFiles: controlGroupFiles)

  private static var physical: Int {
    let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
    return pages > 0 && size > 0 && !overflow ? bytes : Int.max
  }

  /// The files in which Linux keeps the limit of a control group, version 2 and version 1: those of
  /// the group at the root, which is the own one in a container.
  private static let controlGroupFiles = [
    "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
  ]

  /// The least of a number of bytes and those that stand in files; a file that is not there, or holds
  /// anything else such as `max`, sets no limit.
  package static func least(of bytes: Int, andFiles paths: [String]) -> Int {
    paths.reduce(bytes) { least, path in
      guard let text = try? String(contentsOfFile: path, encoding: .utf8),
        let limit = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)), limit > 0
      else { return least }
      return min(least, limit)
    }
  }
}
