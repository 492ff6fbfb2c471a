import CZlib
import Foundation

/// A file of records of one length that grows at its end, record by record.
///
/// For work that takes long and may be killed at any moment: what was handed to the device is still
/// there afterwards. Each record carries a checksum of its bytes and its number, so what a killed
/// process left half-written at the end is recognised and cut off when the file is opened again. A
/// damaged record with a whole one behind it was not left by a killed process; such a file is refused.
///
/// The bytes depend on the records alone, not on how often the file was opened. The caller sees to
/// it that nobody else has the file open, with a ``DirectoryLock``.
///
/// **Layout.** `PLMPREC1`; the lengths of the text and of a record's content (uint32 each); the text
/// that says what the records are; the CRC-32 of all that. Then the records: the content, and the
/// CRC-32 of the record's number (uint64) and its content. All numbers are little-endian.
package final class RecordFile {
  /// The number of records.
  package private(set) var count: Int
  private let file: OpenFile
  private let contentSize: Int
  private let start: Int

  private static let magic = Array("PLMPREC1".utf8)
  private static let checksumSize = 4
  private var stride: Int { contentSize + Self.checksumSize }

  /// Opens a file, or makes one without records.
  ///
  /// - Parameters:
  ///   - text: What the records are; a file that says anything else is refused.
  ///   - contentSize: The bytes of a record.
  /// - Throws: `FormatError` where the file is something else or damaged.
  package init(path: String, text: String, contentSize: Int) throws(FormatError) {
    precondition((1...Int(UInt32.max)).contains(contentSize), "records of \(contentSize) bytes")
    let header = Self.header(text, contentSize)
    var status = stat()
    if lstat(path, &status) != 0 { try AtomicFile.write(header, to: path) }
    let (_, size) = try OpenFile.reading(path, followingLinks: false)
    guard let file = OpenFile.open(path, O_RDWR | O_NOFOLLOW) else {
      throw FormatError(.uncreatable, file: path, found: "cannot be opened: \(lastFailure)")
    }
    self.file = file
    self.contentSize = contentSize
    start = header.count
    count = 0
    let found = try Self.bytes(of: file, min(size, start), at: 0)
    guard found == header else {
      throw FormatError(
        .malformed, file: path, at: .byte(zip(found, header).prefix { $0 == $1 }.count),
        found: "a file that was damaged, or made for something else",
        expected: "the records of \(FormatError.printable(text, limit: 80))", remedy: Self.remedy)
    }
    count = try wholeRecords(size)
    let end = off_t(start + count * stride)
    guard Int(end) == size || OpenFile.retrying({ ftruncate(file.descriptor, end) }) == 0 else {
      throw unwritable
    }
  }

  private static let remedy = "remove the file and start again"

  private static func header(_ text: String, _ contentSize: Int) -> [UInt8] {
    let text = Array(text.utf8)
    let bytes =
      magic + UInt32(text.count).littleEndianBytes + UInt32(contentSize).littleEndianBytes + text
    return bytes + checksum(bytes).littleEndianBytes
  }

  /// The records before the first one at fault, all the others of which must be at fault too.
  private func wholeRecords(_ size: Int) throws(FormatError) -> Int {
    let complete = (size - start) / stride
    var whole = 0
    while whole < complete, try isWhole(whole) { whole += 1 }
    var later = whole + 1
    while later < complete {
      if try isWhole(later) {
        throw FormatError(
          .malformed, file: file.path, at: .byte(start + whole * stride),
          found: "record \(whole) with another checksum than it has, and a whole record behind it",
          remedy: Self.remedy)
      }
      later += 1
    }
    return whole
  }

  private func isWhole(_ number: Int) throws(FormatError) -> Bool {
    let bytes = try Self.bytes(of: file, stride, at: start + number * stride)
    return Self.checksum(number, bytes[..<contentSize])
      == Array(bytes[contentSize...])
  }

  private static func bytes(
    of file: OpenFile, _ count: Int, at offset: Int
  ) throws(FormatError) -> [UInt8] {
    try [UInt8](count: count, for: file.path) { buffer throws(FormatError) in
      try file.read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32(0, bytes, UInt32(bytes.count)))
  }

  private static func checksum(_ number: Int, _ content: ArraySlice<UInt8>) -> [UInt8] {
    checksum(UInt64(number).littleEndianBytes + content).littleEndianBytes
  }

  /// Appends records; ``synchronize()`` makes sure of them.
  package func append(_ records: [[UInt8]]) throws(FormatError) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(records.count * stride)
    for (offset, content) in records.enumerated() {
      precondition(content.count == contentSize, "a record of \(content.count) bytes")
      bytes += content
      bytes += Self.checksum(count + offset, content[...])
    }
    let isWritten = bytes.withUnsafeBytes { file.write($0, at: start + count * stride) }
    guard isWritten else { throw unwritable }
    count += records.count
  }

  /// Waits until the device has all records.
  package func synchronize() throws(FormatError) {
    guard file.synchronize() else { throw unwritable }
  }

  /// The content of a record.
  ///
  /// - Precondition: `number` is below ``count``.
  package subscript(number: Int) -> [UInt8] {
    get throws(FormatError) {
      precondition((0..<count).contains(number), "record \(number) of \(count)")
      return try Self.bytes(of: file, contentSize, at: start + number * stride)
    }
  }

  private var unwritable: FormatError {
    FormatError(.unwritable, file: file.path, found: "cannot be written: \(lastFailure)")
  }
}

extension FixedWidthInteger {
  fileprivate var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
