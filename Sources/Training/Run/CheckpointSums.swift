import Formats

/// `checkpoints/SHA256SUMS`: the digest of each checkpoint, in the lines that `sha256sum` writes and
/// `sha256sum -c` checks.
///
/// A checkpoint that no line names is not checked: a program that writes records need not know the
/// file.
struct CheckpointSums: Sendable {
  /// The digest of the checkpoint after a step, 64 hexadecimal digits.
  private(set) var digests: [Int: String] = [:]

  static let fileName = "SHA256SUMS"

  /// Reads the file of a run; nil where there is none.
  ///
  /// - Throws: `FormatError`, naming the line that is none of `sha256sum` or repeats a checkpoint.
  init?(_ run: String) throws(FormatError) {
    let folder = "\(run)/\(Checkpoint.folder)"
    try FolderContent.requireReal(folder)
    guard try FolderContent.names(folder).contains(Self.fileName) else { return nil }
    let file = "\(folder)/\(Self.fileName)"
    let source = try ByteSource(path: file)
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
      guard let step = Checkpoint.step(named: name) else { continue }
      guard digests.updateValue(digest, forKey: step) == nil else {
        throw Self.fault(file, number, "another line for \(name)")
      }
    }
  }

  /// The digests of checkpoints that are there.
  init(of steps: [Int], in run: String) throws(FormatError) {
    for step in steps { try add(step, in: run) }
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

  /// Refuses the bytes of a checkpoint that are not the listed ones.
  func check(_ source: ByteSource, step: Int) throws(FormatError) {
    guard let expected = digests[step] else { return }
    let digest = try SHA256.hex(of: source)
    guard digest == expected else {
      throw FormatError(
        .malformed, file: source.name,
        found: "SHA-256 \(digest) of the checkpoint after step \(step)",
        expected: "\(expected), which \(Checkpoint.folder)/\(Self.fileName) says",
        remedy: "the file was changed after the run: put the old one back, or make the run again")
    }
  }

  /// Takes the digest of a checkpoint that was written.
  mutating func add(_ step: Int, in run: String) throws(FormatError) {
    digests[step] = try SHA256.hex(ofFile: Checkpoint.path(run, step: step))
  }

  /// Forgets the checkpoints after a step.
  mutating func remove(after step: Int) { digests = digests.filter { $0.key <= step } }

  /// Writes the file, whole or not at all.
  func write(to run: String) throws(FormatError) {
    var text = ""
    for (step, digest) in digests.sorted(by: { $0.key < $1.key }) {
      text += "\(digest)  \(Checkpoint.name(of: step))\n"
    }
    try AtomicFile.write(Array(text.utf8), to: "\(run)/\(Checkpoint.folder)/\(Self.fileName)")
  }
}
