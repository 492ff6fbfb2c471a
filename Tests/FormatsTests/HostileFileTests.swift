import Formats
import Foundation
import TensorCore
import Testing

@Suite("damaged files of every format")
struct HostileFileTests {
  /// The goldens that can be read, with an ending that tells the format, and a table.
  static let files: [(name: String, bytes: [UInt8])] =
    Golden.all.map { golden in
      let ending = golden.name.prefix { $0.isLowercase }
      return (golden.name + "." + ending, goldenBytes(golden.text))
    } + text.map { ($0.name, Array($0.text.utf8)) }

  /// Files that may end after any line.
  static let text =
    [
      ("table.csv", "\u{feff}name,\"other\"\r\n1,2.5\r\n\"-3\",4e2\r\n"),
      (
        "items.jsonl",
        "{\"x\": [[1, 2.5e1], [-3, 0]], \"id\": \"\\u00e9\"}\n{\"id\": \"\", \"x\": [[1, 2], [3, 4]]}\n"
      ),
    ] as [(name: String, text: String)]

  static let binary = files.map(\.name).filter { name in !text.contains { $0.name == name } }

  static func bytes(of name: String) throws -> [UInt8] {
    try #require(files.first { $0.name == name }).bytes
  }

  @Test("cut short anywhere, a file is refused", arguments: binary)
  func truncation(name: String) throws {
    let bytes = try HostileFileTests.bytes(of: name)
    for count in 0..<bytes.count {
      let error = fault(in: Array(bytes[..<count]), name: name)
      #expect(error?.kind == .malformed, "the first \(count) bytes were accepted")
    }
  }

  @Test("cut short anywhere, a text is read or refused", arguments: text.map(\.name))
  func textTruncation(name: String) throws {
    let bytes = try HostileFileTests.bytes(of: name)
    for count in 0..<bytes.count { _ = fault(in: Array(bytes[..<count]), name: name) }
    #expect(fault(in: [], name: name)?.kind == .malformed)
  }

  @Test(
    "with any bit flipped, a file is read or refused, and the program goes on",
    arguments: files.map(\.name))
  func bitFlips(name: String) throws {
    var bytes = try HostileFileTests.bytes(of: name)
    for bit in 0..<bytes.count * 8 {
      bytes[bit / 8] ^= 1 << (bit % 8)
      if let error = fault(in: bytes, name: name) { #expect(error.kind == .malformed) }
      bytes[bit / 8] ^= 1 << (bit % 8)
    }
  }

  @Test(
    "with any byte replaced by any other of note, a file is read or refused",
    arguments: files.filter { $0.bytes.count < 700 }.map(\.name))
  func bytes(name: String) throws {
    var bytes = try HostileFileTests.bytes(of: name)
    for index in bytes.indices {
      let original = bytes[index]
      for byte: UInt8 in [0, 0x22, 0x7b, 0xff] {
        bytes[index] = byte
        if let error = fault(in: bytes, name: name) { #expect(error.kind == .malformed) }
      }
      bytes[index] = original
    }
  }

  @Test("random bytes behind every magic are refused")
  func randomBytes() {
    var generator = SplitMix(state: 4)
    let starts: [[UInt8]] = [
      [], [0x93] + Array("NUMPY".utf8) + [1, 0, 80, 0], littleEndian(64) + Array("{\"".utf8),
      [0, 0, 8, 1], [0x1f, 0x8b, 8, 0], [0x50, 0x4b, 3, 4], [0x50, 0x4b, 5, 6],
      [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], [0xff, 0xd8, 0xff, 0xe0],
    ]
    for start in starts {
      for _ in 0..<200 {
        let noise = (0..<120).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        #expect(fault(in: start + noise, name: "noise.npy")?.kind == .malformed)
      }
    }
  }

  @Test("a file that claims to be vast, and is on paper, does not exhaust the memory")
  func sparseFile() throws {
    let folder = try TemporaryFolder()
    let header = Array(
      "{'descr': '|u1', 'fortran_order': False, 'shape': (4398046511104,), }\n".utf8)
    let start = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header
    try AtomicFile.write(start, to: folder("vast.npy"))
    let file = try #require(FileHandle(forWritingAtPath: folder("vast.npy")))
    // Four tebibytes of nothing; some file systems do not go so far.
    guard (try? file.truncate(atOffset: UInt64(start.count) + 1 << 42)) != nil else { return }
    let array = try StoredArray.read(path: folder("vast.npy"))
    let error = #expect(throws: FormatError.self) { try array.tensor(as: Double.self) }
    #expect(error?.found.contains("more than the memory can hold") == true)
  }

  @Test("a file that shrinks after its header was read is an error")
  func shrinkingFile() throws {
    let folder = try TemporaryFolder()
    try NPY.write(Tensor<Float>([1000]), to: folder("a.npy"))
    let array = try StoredArray.read(path: folder("a.npy"))
    let file = try #require(FileHandle(forWritingAtPath: folder("a.npy")))
    try file.truncate(atOffset: 1000)
    let error = #expect(throws: FormatError.self) { try array.tensor(as: Float.self) }
    #expect(error?.kind == .unreadable)
    #expect(error?.place == .byte(1000))
  }
}
