import Formats
import Foundation
import TensorCore
import Testing

@Suite("npy files")
struct NPYTests {
  static let six: [(name: String, text: String)] = Golden.all.filter { golden in
    golden.name.contains(/^npy([IUF][1248](Little|Big|)|Version[23])$/)
  }

  @Test("numpy's arrays of six numbers arrive the same from every type", arguments: six.map(\.name))
  func everyType(name: String) throws {
    let golden = try #require(Golden.all.first { $0.name == name })
    let array = try NPY.read(ByteSource(golden: golden.text))
    #expect(array.shape == [2, 3])
    #expect(try array.tensor(as: Float.self) == Tensor(rows: [[0, 1, 2], [3, 4, 100]]))
    #expect(try array.tensor(as: Double.self) == Tensor(rows: [[0, 1, 2], [3, 4, 100]]))
    #expect(try array.integers() == [0, 1, 2, 3, 4, 100])
  }

  @Test("all 17 goldens of six numbers were tried") func sixIsComplete() {
    #expect(NPYTests.six.count == 17)
  }

  @Test("column-major files are transposed") func fortran() throws {
    let expected = Tensor<Float>([2, 3, 4], (0..<24).map(Float.init))
    #expect(try NPY.read(ByteSource(golden: Golden.npyFortran)).tensor() == expected)
    #expect(try NPY.read(ByteSource(golden: Golden.npyFortranBig)).tensor() == expected)
  }

  @Test("column-major matrices wider than a strip are transposed") func wideFortran() throws {
    // A strip is 64 bytes: 37 rows of one byte, of two and of eight end inside one.
    for (code, size) in [("|u1", 1), ("<u2", 2), ("<u8", 8)] {
      let header = Array("{'descr': '\(code)', 'fortran_order': True, 'shape': (37, 5), }\n".utf8)
      var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header
      for column in 0..<5 {
        for row in 0..<37 { bytes += littleEndian(UInt64(row * 5 + column)).prefix(size) }
      }
      #expect(try NPY.read(ByteSource(bytes, name: "f")).integers() == (0..<185).map(Int64.init))
    }
  }

  @Test("half precision is exact, with its subnormals, infinities and NaN") func halves() throws {
    let values = try NPY.read(ByteSource(golden: Golden.npyHalves)).tensor(as: Double.self).scalars
    #expect(values.dropLast() == [1, -2, 65504, 0x1p-24, 0x1p-14, 0, -0.0, .infinity, -.infinity])
    #expect(values[6].sign == .minus)
    #expect(values[9].isNaN)
  }

  @Test("booleans, scalars and arrays without elements") func corners() throws {
    #expect(try NPY.read(ByteSource(golden: Golden.npyBool)).integers() == [1, 0, 1])
    #expect(
      try NPY.read(ByteSource(golden: Golden.npyScalar)).tensor() == Tensor<Double>([], [2.5]))
    #expect(
      try NPY.read(ByteSource(golden: Golden.npyEmpty)).tensor() == Tensor<Float>([0, 3], []))
  }

  @Test("what is written is byte for byte what numpy writes") func numpyBytes() throws {
    let folder = try TemporaryFolder()
    try NPY.write(Tensor<Float>([3], [1.5, -2, 3.25]), to: folder("a"))
    #expect(try fileBytes(folder("a")) == goldenBytes(Golden.npyVector))
    try NPY.write(Tensor<Double>([], [2.5]), to: folder("a"))
    #expect(try fileBytes(folder("a")) == goldenBytes(Golden.npyScalar))
    try NPY.write(StoredArray([0, 1, 2, 3, 4, 100], shape: [2, 3]), to: folder("a"))
    #expect(try fileBytes(folder("a")) == goldenBytes(Golden.npyI8Little))
    for golden in [Golden.npyI1, Golden.npyU2Little, Golden.npyF2Little, Golden.npyEmpty] {
      try NPY.write(NPY.read(ByteSource(golden: golden)), to: folder("a"))
      #expect(try fileBytes(folder("a")) == goldenBytes(golden))
    }
    #expect(try folder.names() == ["a"])
  }

  @Test("a round trip keeps every bit", arguments: shapes)
  func roundTrip(shape: Shape) throws {
    let folder = try TemporaryFolder()
    let double = randomTensor(shape, seed: 1)
    let single = double.cast(to: Float.self)
    try NPY.write(double, to: folder("double.npy"))
    try NPY.write(single, to: folder("single.npy"))
    #expect(try StoredArray.read(path: folder("double.npy")).tensor() == double)
    #expect(try StoredArray.read(path: folder("single.npy")).tensor() == single)
    let integers = double.scalars.map { Int64($0) &* 1_000_003 }
    try NPY.write(StoredArray(integers, shape: shape), to: folder("integers.npy"))
    #expect(try StoredArray.read(path: folder("integers.npy")).integers() == integers)
  }

  @Test("objects, structures, text and complex numbers are refused")
  func refusedTypes() throws {
    let object = #expect(throws: FormatError.self) {
      try NPY.read(ByteSource(golden: Golden.npyObject, name: "o.npy"))
    }
    #expect(
      object?.description
        == "o.npy: byte 20: found the type “|O”, expected b1, i1 to i8, u1 to u8, f2, f4 or f8; "
        + "it can run code when opened: save an array of numbers instead")
    let brain = #expect(throws: FormatError.self) {
      try NPY.read(ByteSource(golden: Golden.npyBrain))
    }
    #expect(brain?.found == "the type “<V2”")
    #expect(brain?.remedy.contains("these may be bfloat16") == true)
    for golden in [Golden.npyStructured, Golden.npyText, Golden.npyComplex] {
      let error = #expect(throws: FormatError.self) { try NPY.read(ByteSource(golden: golden)) }
      #expect(error?.kind == .malformed)
      #expect(error?.place == .byte(20))
    }
  }

  @Test("texts are refused with what to do about classes and names")
  func text() {
    let error = #expect(throws: FormatError.self) {
      try NPY.read(ByteSource(golden: Golden.npyText))
    }
    #expect(error?.remedy.contains("numpy.unique(labels, return_inverse=True)[1]") == true)
    #expect(error?.remedy.contains("JSON lines") == true)
  }

  @Test(
    "hostile headers are refused",
    arguments: [
      "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 65536), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807, 3), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (01,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': [1], }",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os'),), }",
      "{'descr': __import__('os').system('id'), 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '|f4', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } extra",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
      "{{{{{{{{", "", "[", "\u{feff}{}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (" + String(repeating: "1,", count: 65)
        + "), }",
    ])
  func hostile(header: String) {
    let header = Array(header.utf8)
    let length = [UInt8(header.count & 255), UInt8(header.count >> 8)]
    let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0] + length + header + [0, 0, 0x80, 0x3f]
    let error = #expect(throws: FormatError.self) { try NPY.read(ByteSource(bytes, name: "h.npy")) }
    #expect(error?.kind == .malformed)
  }

  @Test("a header length beyond the file or beyond reason is refused before it is read")
  func headerLength() {
    let start: [UInt8] = [0x93] + Array("NUMPY".utf8)
    for tail: [UInt8] in [
      [1, 0, 255, 255], [2, 0, 255, 255, 255, 255], [3, 0, 0, 0, 0, 128], [4, 0, 1, 0],
      [1, 1, 1, 0],
      [1, 0, 100, 0],
    ] {
      #expect(throws: FormatError.self) { try NPY.read(ByteSource(start + tail, name: "h.npy")) }
    }
  }

  @Test("bytes after the array are refused") func trailing() {
    let bytes = goldenBytes(Golden.npyVector) + [0]
    let error = #expect(throws: FormatError.self) { try NPY.read(ByteSource(bytes, name: "t.npy")) }
    #expect(error?.place == .byte(140))
  }

  @Test("numpy has no bfloat16, and the error says what has") func brainFloat() throws {
    let folder = try TemporaryFolder()
    let array = try #require(try Safetensors(ByteSource(golden: Golden.safetensors))["brain"])
    let error = #expect(throws: FormatError.self) { try NPY.write(array, to: folder("b.npy")) }
    #expect(error?.remedy == "write a .safetensors file")
    #expect(try folder.names() == [])
  }
}
