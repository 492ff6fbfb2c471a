import CZlib

/// The content of compressed bytes, inflated piece by piece as it is asked for.
///
/// The caller knows how much to ask for, so that no file can expand without bound.
final class Inflater {
  /// What stands around the compressed data.
  enum Wrapper {
    /// The header and the checksum of a gzip file; several such files in a row are one.
    case gzip
    /// Nothing.
    case none
  }

  private let source: ByteSource
  private let wrapper: Wrapper
  private let stream: UnsafeMutablePointer<z_stream>
  private var input: [UInt8] = []
  /// How much of the input is used.
  private var used = 0
  /// Where the input ends in the source.
  private var inputOffset = 0
  private var isAtEnd = false
  private var position = 0

  /// The first bytes of a gzip file.
  static let gzipMagic: [UInt8] = [0x1f, 0x8b]
  /// One byte of deflate stands for at most 1032 bytes of content.
  static let largestRatio = 1032

  /// - Parameter source: Compressed bytes from the first to the last.
  init(_ source: ByteSource, _ wrapper: Wrapper) throws(FormatError) {
    self.source = source
    self.wrapper = wrapper
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 is the largest window, 16 asks for the gzip wrapper, a minus sign for none.
    let status = inflateInit2_(
      stream, wrapper == .gzip ? 15 + 16 : -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw fault("no memory to inflate") }
  }

  deinit {
    inflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
  }

  /// The next `count` bytes of content.
  func take(_ count: Int) throws(FormatError) -> [UInt8] {
    try [UInt8](count: count, for: source.name) { buffer throws(FormatError) in
      let inflated = try inflate(into: buffer)
      guard inflated == count else {
        throw source.malformed(
          at: .byte(position), found: "the end of the inflated content",
          expected: "\(count - inflated) more bytes", remedy: "compress the whole file again")
      }
    }
  }

  /// Makes sure that the content ends here.
  func finish() throws(FormatError) {
    var byte: UInt8 = 0
    let extra = try withUnsafeMutablePointer(to: &byte) { pointer throws(FormatError) in
      try inflate(into: UnsafeMutableBufferPointer(start: pointer, count: 1))
    }
    guard extra == 0 else {
      throw source.malformed(
        at: .byte(position - 1), found: "more inflated content",
        expected: "the end, as the header says")
    }
    guard isUsed, inputOffset == source.count else { throw fault("bytes after compressed data") }
  }

  /// Inflates until the buffer is full or the content ends, and returns the number of bytes.
  private func inflate(into buffer: UnsafeMutableBufferPointer<UInt8>) throws(FormatError) -> Int {
    var done = 0
    while done < buffer.count {
      if isAtEnd, try !startNextMember() { break }
      if isUsed { try refill() }
      let status = step(buffer, &done)
      guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
        throw fault("compressed data with an error (zlib status \(status))")
      }
      isAtEnd = status == Z_STREAM_END
      if !isAtEnd, isUsed, inputOffset == source.count, done < buffer.count {
        throw fault("the end of the file inside compressed data")
      }
    }
    position += done
    return done
  }

  private func step(_ buffer: UnsafeMutableBufferPointer<UInt8>, _ done: inout Int) -> Int32 {
    let room = min(buffer.count - done, 1 << 30)
    let available = input.count - used
    let status = input.withUnsafeMutableBufferPointer { input in
      stream.pointee.next_in = input.baseAddress.map { $0 + used }
      stream.pointee.avail_in = UInt32(available)
      stream.pointee.next_out = buffer.baseAddress.map { $0 + done }
      stream.pointee.avail_out = UInt32(room)
      return CZlib.inflate(stream, Z_NO_FLUSH)
    }
    done += room - Int(stream.pointee.avail_out)
    used += available - Int(stream.pointee.avail_in)
    return status
  }

  /// Starts the next of several gzip files in a row; false where nothing follows.
  private func startNextMember() throws(FormatError) -> Bool {
    guard wrapper == .gzip else { return false }
    if isUsed { try refill() }
    guard !isUsed else { return false }
    guard inflateReset(stream) == Z_OK else { throw fault("compressed data with an error") }
    isAtEnd = false
    return true
  }

  private var isUsed: Bool { used == input.count }

  private func refill() throws(FormatError) {
    input = try source.bytes(min(1 << 16, source.count - inputOffset), at: inputOffset)
    used = 0
    inputOffset += input.count
  }

  private func fault(_ found: String) -> FormatError {
    source.malformed(
      at: .byte(inputOffset - input.count + used), found: found, expected: "whole compressed data",
      remedy: "copy or compress it again")
  }
}
