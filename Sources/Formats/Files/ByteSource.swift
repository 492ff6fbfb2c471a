import Foundation

/// Immutable bytes with a name: a file on disk, or memory.
///
/// A file is opened once and read where it is needed, so that a reader can look at a header and
/// take from a large file only the arrays it wants. The bytes are copied, never mapped: a file that
/// another program shortens meanwhile is an error and not a crash.
public struct ByteSource: Sendable {
  private enum Storage: Sendable {
    case file(OpenFile)
    case bytes([UInt8])
    case floats([Float])
    case doubles([Double])
    case integers([Int64])
  }

  /// What errors call it: the path of a file.
  public let name: String
  /// The number of bytes.
  public let count: Int
  private let storage: Storage
  /// Where the first byte stands in the storage.
  private let start: Int

  /// The bytes of a file.
  ///
  /// - Throws: `FormatError` where it cannot be opened or is not a regular file.
  public init(path: String) throws(FormatError) {
    let (file, count) = try OpenFile.reading(path)
    self.init(path, count, .file(file))
  }

  /// The bytes of a file that another file names, inside a folder.
  ///
  /// - Throws: `FormatError` where the path leads out, or is a link of any kind, as what stands
  ///   behind one was not meant to be read by that name.
  init(
    _ relative: String, inside folder: String, namedBy file: String
  ) throws(FormatError) {
    let path = try ContainedPath.resolve(
      relative, inside: folder, namedBy: file, followingLinks: false)
    let (opened, count) = try OpenFile.reading(path, followingLinks: false)
    self.init(path, count, .file(opened))
  }

  /// Bytes in memory.
  public init(_ bytes: [UInt8], name: String) { self.init(name, bytes.count, .bytes(bytes)) }

  /// The bytes of an array's elements in memory.
  init(_ elements: [Float], name: String = "") {
    self.init(name, elements.count * 4, .floats(elements))
  }
  /// The bytes of an array's elements in memory.
  init(_ elements: [Double], name: String = "") {
    self.init(name, elements.count * 8, .doubles(elements))
  }
  /// The bytes of an array's elements in memory.
  init(_ elements: [Int64], name: String = "") {
    self.init(name, elements.count * 8, .integers(elements))
  }

  private init(_ name: String, _ count: Int, _ storage: Storage, from start: Int = 0) {
    self.name = name
    self.count = count
    self.storage = storage
    self.start = start
  }

  /// Some of the bytes as a source of their own, which counts from 0.
  ///
  /// - Precondition: The range is inside this source.
  func part(_ range: Range<Int>, name: String) -> ByteSource {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of \(count) bytes")
    return ByteSource(name, range.count, storage, from: start + range.lowerBound)
  }

  /// Fills the buffer with the bytes from this offset.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FormatError) {
    guard offset >= 0, offset <= count, buffer.count <= count - offset else {
      throw truncated(at: offset, needing: buffer.count)
    }
    func copy(_ bytes: UnsafeRawBufferPointer) {
      let part = bytes[start + offset..<start + offset + buffer.count]
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
    }
    switch storage {
    case .file(let file): try file.read(at: start + offset, into: buffer)
    case .bytes(let elements): elements.withUnsafeBytes(copy)
    case .floats(let elements): elements.withUnsafeBytes(copy)
    case .doubles(let elements): elements.withUnsafeBytes(copy)
    case .integers(let elements): elements.withUnsafeBytes(copy)
    }
  }

  /// A copy of `count` bytes from an offset.
  ///
  /// - Throws: `FormatError` where the source has fewer; nothing is allocated before that is known.
  public func bytes(_ count: Int, at offset: Int = 0) throws(FormatError) -> [UInt8] {
    guard offset >= 0, offset <= self.count, count >= 0, count <= self.count - offset else {
      throw truncated(at: offset, needing: count)
    }
    return try [UInt8](count: count, for: name) { buffer throws(FormatError) in
      try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// A copy of the first bytes, as many of `count` as there are.
  public func prefix(_ count: Int) throws(FormatError) -> [UInt8] {
    try bytes(min(count, self.count))
  }

  /// Visits all bytes of a range in order, a chunk at a time.
  func forEachChunk(
    of range: Range<Int>, size: Int,
    _ visit: (UnsafeRawBufferPointer) throws(FormatError) -> Void
  ) throws(FormatError) {
    var chunk = [UInt8](repeating: 0, count: min(size, range.count))
    var offset = range.lowerBound
    while offset < range.upperBound {
      let length = min(size, range.upperBound - offset)
      var failure: FormatError?
      chunk.withUnsafeMutableBytes { buffer in
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
        do throws(FormatError) {
          try read(at: offset, into: part)
          try visit(UnsafeRawBufferPointer(part))
        } catch { failure = error }
      }
      if let failure { throw failure }
      offset += length
    }
  }

  /// The error for content at fault.
  func malformed(
    at place: FormatError.Place = .file, found: String, expected: String, remedy: String = ""
  ) -> FormatError {
    FormatError(
      .malformed, file: name, at: place, found: found, expected: expected, remedy: remedy)
  }

  private func truncated(at offset: Int, needing needed: Int) -> FormatError {
    malformed(
      at: .byte(offset), found: "the end of the file at byte \(count)",
      expected: "\(needed) more bytes", remedy: "the file is cut short: copy or write it again")
  }
}

extension Array where Element: BitwiseCopyable {
  /// An array that `fill` writes whole.
  ///
  /// Running out of memory would stop the program, so the machine's limit is compared, and the system
  /// asked, first.
  init(
    count: Int, for file: String,
    _ fill: (UnsafeMutableBufferPointer<Element>) throws(FormatError) -> Void
  ) throws(FormatError) {
    let (size, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, Array.isAvailable(size) else {
      throw FormatError(
        .malformed, file: file, found: "\(count) elements, more than the memory can hold",
        remedy: "split the file")
    }
    var failure: FormatError?
    self.init(unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(FormatError) {
        try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        initialized = count
      } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private static func isAvailable(_ size: Int) -> Bool {
    guard size > 1 << 24 else { return true }
    guard size <= MemoryLimit.bytes, size < Int.max - 4096 else { return false }
    // The compiler would remove a `malloc` of which nothing is used.
    let probe = mmap(
      nil, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let probe, probe != MAP_FAILED else { return false }
    munmap(probe, size + 4096)
    return true
  }
}
