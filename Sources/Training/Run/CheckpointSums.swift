import Formats

/// `checkpoints/SHA256SUMS`: the digests of the checkpoints, of `run.json` and of the log, in the
/// lines that `sha256sum` writes and `sha256sum -c` checks.
///
/// A program that writes records need not know the file. Where it is, every checkpoint has a line.
struct CheckpointSums: Sendable {
  /// The digest of the checkpoint after a step, 64 hexadecimal digits.
  private(set) var digests: [Int: String] = [:]
  /// The digest of `run.json`; nil where no line names it.
  var manifest: String?
  /// The digest of the lines of the log up to the last checkpoint that is listed; nil where no line
  /// names the log.
  var log: String?

  static let fileName = "SHA256SUMS"
  /// What messages call it.
  private static let name = "\(Checkpoint.folder)/\(fileName)"
  private static let manifestName = "../\(RunManifest.fileName)"
  private static let logName = "../\(RunFiles.log)"

  /// A list without lines.
  init() {}

  /// Reads the file of a run; nil where there is none.
  ///
  /// - Throws: `FormatError`, naming the line that is none of `sha256sum` or is there twice.
  init?(_ run: String) throws(FormatError) {
    let folder = "\(run)/\(Checkpoint.folder)"
    try FolderContent.requireReal(folder)
    guard try FolderContent.names(folder).contains(Self.fileName) else { return nil }
    let source = try RunFiles.open(Self.name, in: run)
    let file = source.name
    guard source.count <= RunManifest.largestFile else {
      throw FormatError(
        .malformed, file: file, found: "\(source.count) bytes",
        expected: "at most \(RunManifest.largestFile)")
    }
    let lines = try source.bytes(source.count).split(separator: UInt8(ascii: "\n"))
    for (number, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard let (digest, name) = Self.parts(line) else {
        throw Self.fault(file, number, String(decoding: line, as: UTF8.self))
      }
      guard add(digest, of: name) else {
        throw Self.fault(file, number, "another line for \(name)")
      }
    }
  }

  /// Takes the digest of a line; false where there is one for the same file.
  private mutating func add(_ digest: String, of name: String) -> Bool {
    switch name {
    case Self.manifestName:
      defer { manifest = digest }
      return manifest == nil
    case Self.logName:
      defer { log = digest }
      return log == nil
    default:
      // Other files are not of the record.
      guard let step = Checkpoint.step(named: name) else { return true }
      return digests.updateValue(digest, forKey: step) == nil
    }
  }

  private static func fault(_ file: String, _ line: Int, _ found: String) -> FormatError {
    FormatError(
      .malformed, file: file, at: .line(line + 1, column: 1), found: FormatError.quoted(found),
      expected: "64 hexadecimal digits, two spaces and the name of a checkpoint, each once",
      remedy: "put the old file back; without the file no digest is checked")
  }

  /// Digest and name; after the digest stand two spaces, or a space and a star.
  private static func parts(_ line: ArraySlice<UInt8>) -> (digest: String, name: String)? {
    guard line.count > 66 else { return nil }
    let digest = String(decoding: line.prefix(64), as: UTF8.self).lowercased()
    let mark = Array(line.dropFirst(64).prefix(2))
    guard digest.utf8.allSatisfy("0123456789abcdef".utf8.contains),
      [" ", "*"].contains(where: { mark == Array(" \($0)".utf8) })
    else { return nil }
    return (digest, String(decoding: line.dropFirst(66), as: UTF8.self))
  }

  // MARK: Checks

  /// Refuses the bytes of a checkpoint that are not the listed ones, or not listed.
  func check(_ source: ByteSource, step: Int) throws(FormatError) {
    guard let expected = digests[step] else { throw Self.unlisted(source.name) }
    try Self.check(source, expected, "of the checkpoint after step \(step)")
  }

  /// Refuses a `run.json` that is not the listed one.
  func check(manifest source: ByteSource) throws(FormatError) {
    if let manifest { try Self.check(source, manifest, "") }
  }

  /// Refuses a log whose lines up to the last listed checkpoint are not the listed ones.
  ///
  /// Later lines are of steps that an interrupted run takes again.
  func check(log source: ByteSource) throws(FormatError) {
    guard let log, let steps = digests.keys.max() else { return }
    let lines = try RunLog.start(of: source, lines: steps)
    let digest = SHA256.hex(of: lines)
    guard digest == log else {
      throw Self.changed(source.name, "SHA-256 \(digest) of the first \(steps) lines", log)
    }
  }

  /// The error for a checkpoint that no line names.
  static func unlisted(_ path: String) -> FormatError {
    FormatError(
      .malformed, file: path, found: "a checkpoint that \(name) does not list",
      expected: "a line with its digest",
      remedy: "put the old list back, or repeat the command of a run that was interrupted")
  }

  private static func check(
    _ source: ByteSource, _ expected: String, _ what: String
  ) throws(FormatError) {
    let digest = try SHA256.hex(of: source)
    guard digest == expected else {
      throw changed(source.name, "SHA-256 \(digest)\(what.isEmpty ? "" : " ")\(what)", expected)
    }
  }

  private static func changed(_ path: String, _ found: String, _ expected: String) -> FormatError {
    FormatError(
      .malformed, file: path, found: found, expected: "\(expected), which \(name) says",
      remedy: "the file was changed after the run: put the old one back, or make the run again")
  }

  // MARK: Writing

  /// Takes the digest of a checkpoint that was written.
  mutating func add(_ step: Int, in run: String) throws(FormatError) {
    digests[step] = try SHA256.hex(ofFile: Checkpoint.path(run, step: step))
  }

  /// Forgets the checkpoints after a step.
  mutating func remove(after step: Int) { digests = digests.filter { $0.key <= step } }

  /// Writes the file, whole or not at all.
  func write(to run: String) throws(FormatError) {
    // The checkpoints come last, so that a list that was cut short lacks one.
    var text = ""
    for (name, digest) in [(Self.manifestName, manifest), (Self.logName, log)] {
      if let digest { text += "\(digest)  \(name)\n" }
    }
    for (step, digest) in digests.sorted(by: { $0.key < $1.key }) {
      text += "\(digest)  \(Checkpoint.name(of: step))\n"
    }
    try AtomicFile.write(Array(text.utf8), to: "\(run)/\(Self.name)")
  }
}
