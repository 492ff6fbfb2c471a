package import Formats
import Foundation

/// The names of a run's files.
enum RunFiles {
  static let batches = "batches.npy"
  static let log = "log.jsonl"
  static let model = "model.onnx"
  static let data = "data"
  static let lock = "lock"

  /// Opens a file of a run.
  ///
  /// A link that somebody else puts there at the same moment is not noticed.
  ///
  /// - Throws: `FormatError` where it is missing, or a link that leads out of the folder.
  static func open(_ name: String, in run: String) throws(FormatError) -> ByteSource {
    let source = try ByteSource(path: "\(run)/\(name)")
    _ = try ContainedPath.resolve(name, inside: run, namedBy: source.name)
    return source
  }
}

/// What stands in a folder.
package enum FolderContent {
  /// The names in a folder, sorted; none where there is no such folder.
  package static func names(_ folder: String) throws(FormatError) -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else { return [] }
    guard isFolder.boolValue else {
      throw FormatError(.uncreatable, file: folder, found: "a file", expected: "a folder")
    }
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      throw FormatError(.missing, file: folder, found: "a folder that cannot be listed")
    }
  }

  /// Makes a folder, and those above it, unless it is there.
  package static func make(_ folder: String) throws(FormatError) {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw FormatError(
        .uncreatable, file: folder, found: "a folder that cannot be made",
        remedy: "choose a place that can be written")
    }
  }

  /// Removes what a killed process left half-written.
  static func removeParts(_ folder: String) throws(FormatError) {
    for name in try names(folder) { AtomicFile.removeLeftover(name, in: folder) }
  }

  /// Refuses what stands in the place of a folder of a run: a file, or a link, which would lead out.
  package static func requireReal(_ folder: String) throws(FormatError) {
    var status = stat()
    guard lstat(folder, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { return }
    throw FormatError(.malformed, file: folder, found: "a link or a file", expected: "a folder")
  }
}
