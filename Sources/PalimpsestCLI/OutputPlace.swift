import Foundation
import Palimpsest

/// Where results may be written: not over each other, over what they come from, or into a record,
/// which would be no longer what the run left.
enum OutputPlace {
  /// Checks the places that were named before anything is read.
  ///
  /// - Parameters:
  ///   - report: A report, whose name says its format.
  ///   - file: A file of numbers.
  ///   - folder: A folder of files of numbers.
  /// - Throws: ``UsageError`` where two are the same; `FormatError` of kind `uncreatable`.
  static func check(report: String? = nil, file: String? = nil, folder: String? = nil) throws {
    if let report { _ = try ReportFile.format(of: report) }
    for path in [report, file].compactMap(\.self) { try refuseRecord(path, above: path) }
    if let folder { try refuseRecord(folder, above: "\(folder)/-") }
    if let report, let numbers = file ?? folder, real(report) == real(numbers) {
      throw UsageError(
        "--out and --scores: found \(FormatError.quoted(report)) for both, expected two places")
    }
  }

  /// Refuses a place whose file this process has read.
  static func requireNoInput(_ path: String) throws {
    guard InputFiles.contains(path: path) else { return }
    throw FormatError(
      .uncreatable, file: path, found: "a file that was read for these results",
      expected: "another place", remedy: "choose another name")
  }

  /// Refuses a place in the folder of a run, or in a folder inside it.
  static func refuseRecord(_ path: String, above place: String) throws {
    var folder = real(place)
    while let slash = folder.lastIndex(of: "/") {
      folder = String(folder[..<slash])
      let isRecord = ["\(folder)/run.json", "\(folder)/checkpoints"].allSatisfy {
        FileManager.default.fileExists(atPath: $0)
      }
      guard isRecord else { continue }
      throw FormatError(
        .uncreatable, file: path, found: "a place in the run record \(FormatError.quoted(folder))",
        expected: "one outside, which leaves the record as the run left it",
        remedy: "choose another place")
    }
  }

  /// The path without links, of which the last parts need not be there.
  private static func real(_ path: String) -> String {
    if let resolved = realpath(path, nil) {
      defer { free(resolved) }
      return String(cString: resolved)
    }
    guard let slash = path.lastIndex(of: "/") else { return "\(real("."))/\(path)" }
    let folder = path[..<slash]
    return "\(folder.isEmpty ? "" : real(String(folder)))/\(path[path.index(after: slash)...])"
  }
}
