import Foundation

/// A file of text.
public struct TextFile: Equatable, Sendable {
  /// Its path in the folder, with `/` between the steps.
  public let path: String
  /// Its bytes, none of which is 0.
  public let bytes: [UInt8]

  /// A text under a name.
  public init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }
}

/// A folder of text files, with subfolders.
public enum TextFolder {
  /// The most bytes of all files together: what is made of them takes many times that.
  public static let mostBytes = 1 << 28
  /// The most files.
  static let mostFiles = 1 << 20

  /// Reads all files, ordered by the bytes of their paths in the folder.
  ///
  /// Hidden files and folders are passed over. A link to a file of the same folder is followed, and
  /// no file is taken twice: one that is there under its own name keeps that. Links to folders lead
  /// nowhere new and are passed over. A single file is a folder of one.
  ///
  /// - Throws: `FormatError`, naming the first file at fault: a binary one (with a byte 0), one in
  ///   UTF-16 or compressed, one that is no file, a link that leads out of the folder, a name that is
  ///   not UTF-8; or the folder, where there are no files, too many, or too large ones.
  /// - Complexity: all bytes are held in memory.
  public static func read(_ folder: String) throws(FormatError) -> [TextFile] {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder)
    guard exists, isFolder.boolValue else {
      // A missing one is an error of the source.
      let source = try ByteSource(path: folder)
      let name = folder.split(separator: "/").last.map(String.init) ?? folder
      return [TextFile(path: name, bytes: try text(source, room: mostBytes, of: folder))]
    }
    let paths = try files(in: folder)
    guard !paths.isEmpty else {
      throw FormatError(
        .missing, file: folder, found: "no files", expected: "files of text",
        remedy: "hidden files are passed over")
    }
    var files: [TextFile] = []
    var room = mostBytes
    for path in paths {
      let resolved = try ContainedPath.resolve(path, inside: folder, namedBy: folder)
      let file = try ByteSource(path: resolved)
      let bytes = try text(
        file.part(0..<file.count, name: "\(folder)/\(path)"), room: room, of: folder)
      room -= bytes.count
      files.append(TextFile(path: path, bytes: bytes))
    }
    return files
  }

  /// The bytes of a text.
  private static func text(
    _ source: ByteSource, room: Int, of folder: String
  ) throws(FormatError) -> [UInt8] {
    guard source.count <= room else {
      throw FormatError(
        .malformed, file: folder, found: "more than \(mostBytes) bytes of text",
        expected: "at most that", remedy: "take fewer files")
    }
    let bytes = try source.bytes(source.count)
    if let fault = TextEncoding.refusal(of: bytes, in: source) { throw fault }
    if let offset = bytes.firstIndex(of: 0) {
      throw FormatError(
        .malformed, file: source.name, at: .byte(offset), found: "a byte 0, so a binary file",
        expected: "text", remedy: "take it out of the folder, or hide it by a dot before its name")
    }
    return bytes
  }

  /// The paths of all files in a folder, each file once, in order.
  private static func files(in folder: String) throws(FormatError) -> [String] {
    var (paths, links): ([String], [String]) = ([], [])
    var subfolders = [""]
    while let prefix = subfolders.popLast() {
      let named = prefix.isEmpty ? folder : "\(folder)/\(prefix.dropLast())"
      for name in try FolderListing.names(in: "\(folder)/\(prefix)", named: named) {
        let path = prefix + name
        switch try kind(of: "\(folder)/\(path)") {
        case S_IFDIR: subfolders.append(path + "/")
        case S_IFLNK: links.append(path)
        default: paths.append(path)
        }
        guard paths.count + links.count + subfolders.count <= mostFiles else {
          throw FormatError(
            .malformed, file: folder, found: "more than \(mostFiles) files",
            expected: "at most that", remedy: "join some")
        }
      }
    }
    if !links.isEmpty { paths += try targets(of: links, in: folder, besides: paths) }
    return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The links to files that are not among some others, and not behind two links.
  private static func targets(
    of links: [String], in folder: String, besides paths: [String]
  ) throws(FormatError) -> [String] {
    var known: Set<String> = []
    for path in paths {
      known.insert(try ContainedPath.resolve(path, inside: folder, namedBy: folder))
    }
    var kept: [String] = []
    for link in links.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      let target = try ContainedPath.resolve(
        link, inside: folder, namedBy: folder, allowingFolder: true)
      if try kind(of: target) != S_IFDIR, known.insert(target).inserted { kept.append(link) }
    }
    return kept
  }

  /// The kind of what stands under a path, a link for itself.
  private static func kind(of path: String) throws(FormatError) -> mode_t {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      throw ContainedPath.absent(path, found: "cannot be examined: \(lastFailure)")
    }
    return status.st_mode & S_IFMT
  }
}
