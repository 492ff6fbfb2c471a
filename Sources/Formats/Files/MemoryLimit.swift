import Foundation

/// The most memory that this process could ever have.
///
/// A system that promises more memory than it has ends the program at the first touch instead of
/// refusing, so its word is not enough.
package enum MemoryLimit {
  /// The bytes of the machine, or of the control group where that has fewer.
  static let bytes: Int = {
    let groups = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)
    return least(of: physical, andFiles: controlGroupFiles(of: groups ?? ""))
  }()

  private static var physical: Int {
    let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
    return pages > 0 && size > 0 && !overflow ? bytes : Int.max
  }

  /// The files in which Linux keeps the limits of a process, one for each of its control groups of
  /// version 2 or 1 and those above them; a container sees its own at the root.
  ///
  /// - Parameter groups: What `/proc/self/cgroup` says, lines such as `0::/user.slice/run.scope`.
  package static func controlGroupFiles(of groups: String) -> [String] {
    let (root, limit) = ("/sys/fs/cgroup", "memory.max")
    let (oldRoot, oldLimit) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
    var files = ["\(root)/\(limit)", "\(oldRoot)/\(oldLimit)"]
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isOld = fields[1].split(separator: ",").contains("memory")
      guard isOld || fields[1].isEmpty else { continue }
      var folder = isOld ? oldRoot : root
      for part in fields[2].split(separator: "/") {
        folder += "/\(part)"
        files.append("\(folder)/\(isOld ? oldLimit : limit)")
      }
    }
    return files
  }

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
