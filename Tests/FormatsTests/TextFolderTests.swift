import Formats
import Foundation
import Testing

@Suite("folders of text")
struct TextFolderTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (path, text) in [
      ("b.txt", "second"), ("a/z.txt", "zed"), ("a.txt", "first"), ("a/deep/x", "deep"),
      (".hidden", "no"), (".git/config", "no"), ("empty", ""),
    ] {
      try add(path, Array(text.utf8))
    }
  }

  private func add(_ path: String, _ bytes: [UInt8]) throws {
    let parts = path.split(separator: "/").dropLast()
    try FileManager.default.createDirectory(
      atPath: folder(parts.joined(separator: "/")), withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: folder(path)))
  }

  private func link(_ path: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder(path), withDestinationPath: target)
  }

  private func fault() -> FormatError? {
    #expect(throws: FormatError.self) { try TextFolder.read(folder.path) }
  }

  @Test("files come in the order of their paths' bytes, hidden ones do not come")
  func order() throws {
    let files = try TextFolder.read(folder.path)
    #expect(files.map(\.path) == ["a.txt", "a/deep/x", "a/z.txt", "b.txt", "empty"])
    let texts = files.map { String(decoding: $0.bytes, as: UTF8.self) }
    #expect(texts == ["first", "deep", "zed", "second", ""])
  }

  @Test("a file alone is a folder of one") func single() throws {
    let files = try TextFolder.read(folder("a/z.txt"))
    #expect(files == [TextFile(path: "z.txt", bytes: Array("zed".utf8))])
  }

  @Test("links inside the folder do not make a file count twice") func links() throws {
    let before = try TextFolder.read(folder.path)
    try link("aaa", to: "b.txt")
    try link("a/up", to: "../b.txt")
    try link("a/deep/loop", to: "../../a")
    try link("twice", to: "aaa")
    #expect(try TextFolder.read(folder.path) == before)
  }

  @Test("a link to a hidden file of the folder stands for it, once") func hiddenTarget() throws {
    try link("seen", to: ".hidden")
    try link("seen-too", to: "seen")
    let files = try TextFolder.read(folder.path)
    #expect(files.map(\.path).suffix(1) == ["seen"])
    #expect(files.last?.bytes == Array("no".utf8))
  }

  @Test("links that lead out or nowhere are refused", arguments: ["file", "folder", "nowhere"])
  func outside(_ kind: String) throws {
    let other = try TemporaryFolder()
    try Data("secret".utf8).write(to: URL(fileURLWithPath: other("s")))
    let target = ["file": other("s"), "folder": other.path, "nowhere": folder("gone")]
    try link("out", to: target[kind] ?? "")
    let error = fault()
    #expect(error?.kind == (kind == "nowhere" ? .missing : .malformed))
    #expect(error?.description.contains("out") == true)
  }

  @Test("a binary file is named with its first byte 0") func binary() throws {
    try add("a/y.bin", [65, 66, 0, 67])
    let error = fault()
    #expect(error?.file == folder("a/y.bin"))
    #expect(error?.place == .byte(2))
  }

  @Test(
    "text in another encoding, and a compressed file, are named as such",
    arguments: [
      ("utf-16", [0xff, 0xfe, 0x61, 0]), ("utf-16be", [0xfe, 0xff, 0, 0x61]),
      ("utf-16 without a mark", [0x61, 0, 0x62, 0, 0x20, 0, 0x61, 0]),
      ("utf-32", [0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), ("gzip", [0x1f, 0x8b, 8, 0, 0]),
    ] as [(String, [UInt8])])
  func encodings(_ kind: String, _ bytes: [UInt8]) throws {
    try add("a/y.txt", bytes)
    let error = fault()
    #expect(error?.file == folder("a/y.txt"))
    if kind == "gzip" {
      #expect(error?.remedy.contains("gunzip") == true)
    } else {
      #expect(error?.found == "text in \(kind.uppercased().prefix(6))")
      #expect(error?.remedy.hasPrefix("save it as UTF-8: iconv -f UTF-") == true)
    }
  }

  @Test("a link to the folder itself is passed over") func linkToItself() throws {
    let before = try TextFolder.read(folder.path)
    try link("here", to: ".")
    try link("a/above", to: "..")
    #expect(try TextFolder.read(folder.path) == before)
  }

  #if os(Linux)
    @Test("a name that is not UTF-8 is told with its bytes") func namesInLatin1() throws {
      var path = Array(folder("a/caf").utf8CString.dropLast()) + [CChar(bitPattern: 0xe9)]
      path += Array(".txt".utf8CString)
      let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
      #expect(descriptor >= 0)
      close(descriptor)
      let error = fault()
      #expect(error?.kind == .malformed && error?.file == folder("a"))
      #expect(error?.found == "the file name “caf\\xe9.txt”")
      #expect(error?.remedy == "rename it")
    }
  #endif

  @Test("a pipe does not hang, and no files are an error") func pipeAndNothing() throws {
    let empty = try TemporaryFolder()
    try Data().write(to: URL(fileURLWithPath: empty(".hidden")))
    let error = #expect(throws: FormatError.self) { try TextFolder.read(empty.path) }
    #expect(error?.kind == .missing && error?.found == "no files")
    #expect(mkfifo(empty("pipe"), 0o600) == 0)
    let pipe = #expect(throws: FormatError.self) { try TextFolder.read(empty.path) }
    #expect(pipe?.found == "a pipe or a device")
    let nowhere = #expect(throws: FormatError.self) { try TextFolder.read(empty("none")) }
    #expect(nowhere?.kind == .missing)
  }
}
