import Formats
import Foundation
import TensorCore
import Testing

@Suite("models in several files")
struct ShardsTests {
  let folder: TemporaryFolder
  let index: String

  init() throws {
    folder = try TemporaryFolder()
    index = folder("model.safetensors.index.json")
    let arrays = ["a", "b", "c"].enumerated().map { number, name in
      NamedArray(name, StoredArray(Tensor<Float>([1], [Float(number)])))
    }
    try Safetensors(Array(arrays[..<2])).write(to: folder("model-1.safetensors"))
    try Safetensors(Array(arrays[2...])).write(to: folder("model-2.safetensors"))
    try write(map: [
      "c": "model-2.safetensors", "a": "model-1.safetensors", "b": "model-1.safetensors",
    ])
  }

  private func write(map: KeyValuePairs<String, String>) throws {
    let members = map.map { JSONValue.Member($0.key, .string($0.value)) }
    let document = JSONValue.object([
      .init("metadata", .object([.init("total_size", .number(12))])),
      .init("weight_map", .object(members)),
    ])
    try AtomicFile.write(Array(document.formatted.utf8), to: index)
  }

  private func fault() -> FormatError? {
    #expect(throws: FormatError.self) { try Safetensors(path: index) }
  }

  @Test("the index stands for all its files") func whole() throws {
    let model = try Safetensors(path: index)
    #expect(model.arrays.map(\.name) == ["c", "a", "b"])
    #expect(try model["b"]?.tensor() == Tensor<Float>([1], [1]))
    #expect(try NamedArray.readAll(path: index).count == 3)
  }

  @Test("files that are not of one model are refused") func contradiction() throws {
    try write(map: ["c": "model-2.safetensors", "a": "model-1.safetensors"])
    #expect(fault()?.found == "the array “b”")
    try write(map: ["c": "model-2.safetensors", "d": "model-2.safetensors"])
    #expect(fault()?.found == "no array “d”")
    try write(map: ["c": "model-3.safetensors"])
    #expect(fault()?.kind == .missing)
    try write(map: ["a": "model-1.safetensors", "b": "model-1.safetensors", "c": "index.json"])
    try AtomicFile.write(Array("{}".utf8), to: folder("index.json"))
    #expect(fault()?.file.hasSuffix("index.json") == true)
  }

  @Test(
    "no file outside the folder is opened",
    arguments: ["../x.safetensors", "/etc/passwd", "a/../../x", "", "model\0", "link", "linked/x"])
  func escape(path: String) throws {
    let outside = try TemporaryFolder()
    try AtomicFile.write([1], to: outside("x"))
    let manager = FileManager.default
    try manager.createSymbolicLink(atPath: folder("link"), withDestinationPath: outside("x"))
    try manager.createSymbolicLink(atPath: folder("linked"), withDestinationPath: outside.path)
    try write(map: ["a": path])
    #expect(fault()?.found.contains("the path") == true)
  }

  @Test(
    "an index of another shape is refused",
    arguments: [
      "", "[]", "{}", "{\"weight_map\": []}", "{\"weight_map\": {\"a\": 1}}",
      "{\"weight_map\": {\"a\": \"x\", \"a\": \"x\"}}", "{\"weight_map\": {\"a\": \"x\"}",
      "{\"weight_map\": " + String(repeating: "[", count: 100_000),
    ])
  func shape(text: String) throws {
    try AtomicFile.write(Array(text.utf8), to: index)
    #expect(fault()?.kind == .malformed)
  }
}
