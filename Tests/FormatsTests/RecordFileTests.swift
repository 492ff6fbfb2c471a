import Formats
import Foundation
import TensorCore
import Testing

@Suite("a file of records that grows")
struct RecordFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder("records") }
  private let records: [[UInt8]] = (0..<5).map { [UInt8](repeating: UInt8(10 * $0), count: 7) }

  init() throws { folder = try TemporaryFolder() }

  private func open(_ text: String = "test") throws(FormatError) -> RecordFile {
    try RecordFile(path: path, text: text, contentSize: 7)
  }

  private func bytes() throws -> [UInt8] { try fileBytes(path) }

  private func write(_ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  private func contents(_ file: RecordFile) throws -> [[UInt8]] {
    var contents: [[UInt8]] = []
    for number in 0..<file.count { contents.append(try file[number]) }
    return contents
  }

  @Test("records come back, and the bytes do not tell how often the file was opened")
  func growth() throws {
    let file = try open()
    #expect(file.count == 0)
    try file.append(Array(records[..<2]))
    try file.append([])
    try file.append(Array(records[2...]))
    try file.synchronize()
    #expect(try contents(file) == records)
    let once = try bytes()
    try FileManager.default.removeItem(atPath: path)
    for (number, record) in records.enumerated() {
      let file = try open()
      #expect(file.count == number)
      try file.append([record])
    }
    #expect(try bytes() == once)
    #expect(try contents(open()) == records)
  }

  @Test("a file cut anywhere keeps its whole records, and goes on to the same bytes")
  func truncated() throws {
    try open().append(records)
    let whole = try bytes()
    let start = whole.count - 5 * 11
    for length in start...whole.count {
      try write(Array(whole[..<length]))
      let file = try open()
      let kept = (length - start) / 11
      #expect(try contents(file) == Array(records[..<kept]))
      try file.append(Array(records[kept...]))
      #expect(try bytes() == whole)
    }
  }

  @Test("what a lost block leaves at the end is cut off")
  func torn() throws {
    try open().append(Array(records[..<3]))
    let whole = try bytes()
    for tail in [[UInt8](repeating: 0, count: 40), [UInt8](repeating: 255, count: 11)] {
      try write(whole + tail)
      #expect(try contents(open()) == Array(records[..<3]))
      #expect(try bytes() == whole)
    }
    // A record of the wrong number is no record: the last one written twice.
    try write(whole + whole.suffix(11))
    #expect(try open().count == 3)
    var damaged = whole
    damaged[whole.count - 1] ^= 1
    try write(damaged)
    #expect(try open().count == 2)
  }

  @Test("damage with whole records behind it is refused, with the byte, and nothing is cut off")
  func damaged() throws {
    try open().append(records)
    let whole = try bytes()
    let start = whole.count - 5 * 11
    var damaged = whole
    damaged[start + 11 + 3] ^= 0x10
    try write(damaged)
    let error = #expect(throws: FormatError.self) { try open() }
    #expect(error?.kind == .malformed && error?.place == .byte(start + 11))
    #expect(error?.remedy == "remove the file and start again")
    #expect(try bytes() == damaged)
  }

  @Test("a file of something else is refused, and left as it is")
  func others() throws {
    try open().append(records)
    let whole = try bytes()
    #expect(throws: FormatError.self) { try open("another") }
    #expect(throws: FormatError.self) {
      try RecordFile(path: path, text: "test", contentSize: 8)
    }
    for bytes in [[], Array("hello".utf8), Array(whole[..<20]), [0] + whole.dropFirst()] {
      try write(bytes)
      let error = #expect(throws: FormatError.self) { try open() }
      #expect(error?.kind == .malformed)
      #expect(try self.bytes() == bytes)
    }
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "elsewhere")
    #expect(throws: FormatError.self) { try open() }
    #expect(try folder.names() == ["records"])
  }
}
