import Formats
import Foundation
import TensorCore
import Testing

@Suite("IDX files")
struct IDXTests {
  @Test(
    "six numbers arrive the same from every type, plain and compressed",
    arguments: [
      Golden.idxBytes, Golden.idxShorts, Golden.idxInts, Golden.idxFloats, Golden.idxDoubles,
      Golden.idxCompressed,
    ])
  func everyType(golden: String) throws {
    let array = try IDX.read(ByteSource(golden: golden))
    #expect(try array.tensor() == Tensor<Float>(rows: [[0, 1, 2], [3, 4, 100]]))
    #expect(try array.integers() == [0, 1, 2, 3, 4, 100])
  }

  @Test("signed bytes keep their sign") func signedBytes() throws {
    let source = ByteSource([0, 0, 9, 1, 0, 0, 0, 2, 0xff, 0x80], name: "i")
    #expect(try IDX.read(source).integers() == [-1, -128])
  }

  @Test("two gzip files in a row are one") func members() throws {
    let folder = try TemporaryFolder()
    let whole = goldenBytes(Golden.idxBytes)
    try AtomicFile.write(Array(whole[..<9]), to: folder("a"))
    try AtomicFile.write(Array(whole[9...]), to: folder("b"))
    for name in ["a", "b"] {
      let process = try Process.run(
        URL(fileURLWithPath: "/bin/sh"), arguments: ["-c", "gzip '\(folder(name))'"])
      process.waitUntilExit()
    }
    let joined = try fileBytes(folder("a.gz")) + fileBytes(folder("b.gz"))
    #expect(try IDX.read(ByteSource(joined, name: "ab.gz")).integers() == [0, 1, 2, 3, 4, 100])
  }

  @Test("a compressed file inflates to what its header says and no further") func bomb() {
    let error = #expect(throws: FormatError.self) {
      try IDX.read(ByteSource(golden: Golden.idxZeros, name: "zeros.gz"))
    }
    #expect(error?.description.contains("found more inflated content") == true)
  }

  @Test("a header that promises more than the bytes can stand for is refused at once")
  func lyingHeader() {
    // Stored without compression: header for 2^32 − 1 times 2^32 − 1 bytes, and for 2^31.
    for header: [UInt8] in [
      [0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255], [0, 0, 8, 1, 128, 0, 0, 0],
      [0, 0, 14, 2, 127, 255, 255, 255, 127, 255, 255, 255],
    ] {
      #expect(throws: FormatError.self) { try IDX.read(ByteSource(header, name: "plain")) }
      // The checksum is never reached, so zeros do.
      let size = UInt8(header.count)
      let wrapped =
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, size, 0, ~size, 255] + header
        + [UInt8](repeating: 0, count: 8)
      let error = #expect(throws: FormatError.self) {
        try IDX.read(ByteSource(wrapped, name: "wrapped.gz"))
      }
      #expect(error?.kind == .malformed)
    }
  }

  @Test("garbage after the compressed data and a broken checksum are refused") func damaged() {
    let whole = goldenBytes(Golden.idxCompressed)
    var flipped = whole
    flipped[whole.count - 6] ^= 1
    for bytes in [whole + [7], whole + [0x1f, 0x8b], flipped] {
      #expect(throws: FormatError.self) { try IDX.read(ByteSource(bytes, name: "d.gz")) }
    }
  }

  @Test("unknown types, missing zeros, too many axes and trailing bytes are refused")
  func hostile() {
    for bytes: [UInt8] in [
      [0, 0, 10, 1, 0, 0, 0, 0], [1, 0, 8, 1, 0, 0, 0, 0], [0, 0, 8, 1, 0, 0, 0, 1, 0, 0],
      [0, 0, 8, 65] + [UInt8](repeating: 0, count: 260), [0, 0, 8, 255], [0, 0, 8], [],
    ] {
      #expect(throws: FormatError.self) { try IDX.read(ByteSource(bytes, name: "i.idx")) }
    }
  }
}
