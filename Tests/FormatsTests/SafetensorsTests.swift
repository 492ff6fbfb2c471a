import Formats
import Foundation
import TensorCore
import Testing

@Suite("safetensors files")
struct SafetensorsTests {
  @Test("the library's file arrives with all its types and its metadata") func golden() throws {
    let file = try Safetensors(ByteSource(golden: Golden.safetensors))
    #expect(file.arrays.count == 9)
    #expect(file.metadata.map(\.name) == ["made by"])
    #expect(file.metadata.map(\.text) == ["a \"test\"\n"])
    #expect(
      try file["layer.weight"]?.tensor() == Tensor<Float>(rows: [[1, 2], [3, 4], [5, 6]]))
    #expect(try file["layer.bias"]?.tensor() == Tensor<Double>([3], [0.5, -0.5, 0.25]))
    #expect(try file["double"]?.tensor() == Tensor<Double>([], [-1.5]))
    #expect(try file["half"]?.tensor() == Tensor<Float>([2], [1, 0.5]))
    #expect(try file["brain"]?.tensor() == Tensor<Float>([3], [1, -3, 0.15625]))
    #expect(try file["steps"]?.integers() == [7, -9])
    #expect(try file["mask"]?.integers() == [1, 0, 1])
    #expect(try file["empty"]?.tensor() == Tensor<Float>([0, 4], []))
    #expect(try file["byte"]?.integers() == [255])
    #expect(file["none"] == nil)
    #expect(try Safetensors(ByteSource(golden: Golden.safetensorsNone)).arrays.isEmpty)
  }

  @Test("what is written is byte for byte what the library writes") func libraryBytes() throws {
    let folder = try TemporaryFolder()
    for golden in [Golden.safetensors, Golden.safetensorsNone] {
      let file = try Safetensors(ByteSource(golden: golden))
      // The order in which the arrays are given has no influence.
      let reversed = Safetensors(file.arrays.reversed(), metadata: file.metadata)
      try reversed.write(to: folder("a"))
      #expect(try fileBytes(folder("a")) == goldenBytes(golden))
    }
  }

  @Test("a round trip keeps every bit and every name", arguments: shapes)
  func roundTrip(shape: Shape) throws {
    let folder = try TemporaryFolder()
    let tensor = randomTensor(shape, seed: 2)
    let names = ["", "plain", "quote\" back\\ line\n bell\u{7} é 日本 \u{1f600}", "dtype"]
    let arrays = names.enumerated().map { index, name in
      NamedArray(
        name, index % 2 == 0 ? StoredArray(tensor) : StoredArray(tensor.cast(to: Float.self)))
    }
    try Safetensors(arrays, metadata: [("b", "2"), ("a", "\u{0}1")]).write(to: folder("a"))
    let file = try Safetensors(path: folder("a"))
    #expect(file.metadata.map(\.name) == ["a", "b"])
    #expect(file.metadata.map(\.text) == ["\u{0}1", "2"])
    #expect(Set(file.arrays.map(\.name)) == Set(names))
    for name in [names[0], names[2]] { #expect(try file[name]?.tensor() == tensor) }
    for name in [names[1], names[3]] {
      #expect(try file[name]?.tensor() == tensor.cast(to: Float.self))
    }
  }

  @Test("escapes are understood") func escapes() throws {
    let header = #"{"\u00e9\ud83d\ude00\/\b\f\t":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#
    let file = try Safetensors(SafetensorsTests.source(header, 1))
    #expect(file.arrays.map(\.name) == ["é\u{1f600}/\u{8}\u{c}\t"])
  }

  @Test("names that differ in bytes only, not in characters, are refused") func canonical() {
    let entry = #"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    #expect(throws: FormatError.self) {
      try Safetensors(SafetensorsTests.source("{\"\u{e9}\":\(entry),\"e\u{301}\":\(entry)}", 0))
    }
  }

  @Test(
    "a header length that cannot be is refused before anything is allocated",
    arguments: [1 << 63, UInt64.max, 100_000_001, 100_000_000, 3, 1 << 32])
  func headerLength(length: UInt64) {
    let source = ByteSource(littleEndian(length) + Array("{}".utf8), name: "h.safetensors")
    let error = #expect(throws: FormatError.self) { try Safetensors(source) }
    #expect(error?.place == .byte(0))
    #expect(error?.kind == .malformed)
  }

  @Test(
    "an array of a type that is not read does not spoil the others, and is refused by its name",
    arguments: ["F8_E4M3", "F4", "C64", "f32"])
  func otherTypes(type: String) throws {
    let header =
      #"{"a":{"dtype":"\#(type)","shape":[4],"data_offsets":[0,4]},"#
      + #""b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
    let table = try ItemTable(SafetensorsTests.source(header, 8))
    #expect(table.arrays.map(\.name) == ["b"])
    #expect(try table.array("b")?.tensor() == Tensor<Float>([1], [0]))
    let error = #expect(throws: FormatError.self) { try table.array("a") }
    #expect(error?.found == "the type “\(type)” of “a”")
    // Its bytes must lie where the others leave room.
    for wrong in ["[0,3]", "[1,4]", "[0,5]", "[4,0]"] {
      let header = header.replacingOccurrences(of: "[0,4]", with: wrong)
      #expect(throws: FormatError.self) { try Safetensors(SafetensorsTests.source(header, 8)) }
    }
  }

  static let hostileHeaders: [String] =
    [
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,  // size and shape differ
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,  // bytes after the end
      #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#,  // cut short
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,  // hole
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,  // reversed
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
      #"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}"#,
      #"{"a":{"dtype":"F32","shape":[2]}}"#,
      #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[0,9223372036854775807,9],"data_offsets":[0,0]}}"#,
      #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[Infinity],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[18446744073709551618],"data_offsets":[0,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#,
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}"#,
      #"{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}"#,
      #"{"a":null}"#, #"{"a":[]}"#, #"{"a":{}}"#, "{", "{}x", "{}\n", " {}", "[]", "null", "",
      #"{"__metadata__":{"a":1}}"#, #"{"__metadata__":{"a":{}}}"#, #"{"__metadata__":null}"#,
      #"{"__metadata__":{"a":"1","a":"2"}}"#, #"{"__metadata__":{},"__metadata__":{}}"#,
      #"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},}"#,
      #"{"a" {"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      #"{'a':{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      #"{"\ud800":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      #"{"\ud800\u0041":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      #"{"\udc00":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      #"{"\u00g0":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      #"{"\x41":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      "{\"a\n\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
      "\u{feff}{}",
      #"{"a":{"dtype":"U8","shape":["# + String(repeating: "1,", count: 64)
        + #"8],"data_offsets":[0,8]}}"#,  // 65 axes
      String(repeating: "[", count: 100_000),
      #"{"a":"# + String(repeating: #"{"a":"#, count: 100_000),
      #"{"a":{"shape":"# + String(repeating: "[", count: 100_000),
    ]

  /// A header and zeros after it.
  static func source(_ header: String, _ count: Int) -> ByteSource {
    let header = Array(header.utf8)
    return ByteSource(
      littleEndian(UInt64(header.count)) + header + [UInt8](repeating: 0, count: count),
      name: "h.safetensors")
  }

  @Test("hostile headers are refused", arguments: hostileHeaders.indices)
  func hostile(index: Int) throws {
    let error = #expect(throws: FormatError.self) {
      try Safetensors(SafetensorsTests.source(SafetensorsTests.hostileHeaders[index], 8))
    }
    #expect(error?.kind == .malformed)
    // A hundred thousand brackets in the file make no long error.
    #expect((error?.description.count ?? 1000) < 400)
  }

  @Test("text that is not UTF-8 is refused") func invalidText() {
    let header =
      Array("{\"a".utf8) + [0xff]
      + Array(#"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#.utf8)
    let bytes = littleEndian(UInt64(header.count)) + header + [0]
    #expect(throws: FormatError.self) { try Safetensors(ByteSource(bytes, name: "u")) }
  }

  @Test("thousands of arrays are no trouble") func manyEntries() throws {
    // A name twice among many is found, too.
    let entry = #"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    let entries = (0..<5_000).map { "\"\($0)\":\(entry)" }
    let file = try Safetensors(SafetensorsTests.source("{\(entries.joined(separator: ","))}", 0))
    #expect(file.arrays.count == 5_000)
    #expect(throws: FormatError.self) {
      try Safetensors(
        SafetensorsTests.source("{\((entries + [entries[17]]).joined(separator: ","))}", 0))
    }
  }
}
