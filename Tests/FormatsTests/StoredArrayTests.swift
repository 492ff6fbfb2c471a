import Formats
import Foundation
import TensorCore
import Testing

@Suite("stored arrays")
struct StoredArrayTests {
  @Test("whole numbers come out of floats, fractions do not") func wholeNumbers() throws {
    #expect(
      try StoredArray(Tensor<Float>([3], [0, -7, 16_777_216])).integers() == [0, -7, 16_777_216])
    for value in [0.5, .nan, .infinity, 0x1p63, -0x1p64] {
      let error = #expect(throws: FormatError.self) {
        try StoredArray(Tensor<Double>([2], [1, value])).integers()
      }
      #expect(error?.place == .element(1))
    }
  }

  @Test("an unsigned integer that does not fit is an error, not a negative number")
  func unsigned() throws {
    let header = #"{"a":{"dtype":"U64","shape":[2],"data_offsets":[0,16]}}"#
    let bytes =
      littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + littleEndian(1 << 63 - 1)
      + littleEndian(1 << 63)
    let array = try StoredArray.read(ByteSource(bytes, name: "u.safetensors"))
    #expect(try array.tensor() == Tensor<Double>([2], [0x1p63, 0x1p63]))
    let error = #expect(throws: FormatError.self) { try array.integers() }
    #expect(error?.place == .element(1))
  }

  @Test("conversions are right across the chunks they are made in") func chunks() throws {
    let folder = try TemporaryFolder()
    let values = (0..<70_000).map { Int64($0 &* 2_654_435_761) }
    try NPY.write(StoredArray(values, shape: [70_000]), to: folder("a.npy"))
    let array = try StoredArray.read(path: folder("a.npy"))
    #expect(try array.integers() == values)
    #expect(try array.tensor().scalars == values.map(Float.init))
  }
}
