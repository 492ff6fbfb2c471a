import Formats
import Foundation
import TensorCore
import Testing

@Suite("weights of a model in files of their own")
struct ONNXExternalDataTests {
  let folder: TemporaryFolder
  /// The folder of the model, with a secret beside it.
  let models: String

  init() throws {
    folder = try TemporaryFolder()
    models = folder("models")
    try FileManager.default.createDirectory(
      atPath: models + "/parts", withIntermediateDirectories: true)
    let bytes = [Float](arrayLiteral: 9, 1.5, -2).flatMap { littleEndian($0.bitPattern) }
    for path in [folder("secret"), models + "/weights.bin", models + "/parts/weights.bin"] {
      try AtomicFile.write(bytes, to: path)
    }
  }

  private func littleEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Reads a model with one weight of two elements that says this of its data.
  private func weight(
    _ entries: [(key: String, value: String)], _ extents: [Int64] = [2]
  ) throws -> Tensor<Float> {
    let model = Proto.model(weights: [.external("w", extents, entries)])
    try AtomicFile.write(model.bytes, to: models + "/model.onnx")
    let arrays = try NamedArray.readAll(path: models + "/model.onnx")
    return try #require(arrays.first).array.tensor()
  }

  private func fault(
    _ entries: [(key: String, value: String)], _ extents: [Int64] = [2]
  ) -> String {
    do {
      let found = try weight(entries, extents)
      return "no fault but \(found)"
    } catch { return "\(error)" }
  }

  @Test("elements stand where the model says") func reading() throws {
    let expected = Tensor<Float>([2], [1.5, -2])
    #expect(
      try weight([("location", "weights.bin"), ("offset", "4"), ("length", "8")]) == expected)
    #expect(try weight([("location", "./parts//weights.bin"), ("offset", "4")]) == expected)
    #expect(try weight([("location", "weights.bin")], [3]) == Tensor([3], [9, 1.5, -2]))
  }

  @Test("no path leads out of the model's folder", arguments: ["../secret", "parts/../../secret"])
  func upwards(path: String) {
    #expect(fault([("location", path)]).contains("has a step upwards"))
  }

  @Test("no path is absolute, empty, or a folder") func otherPaths() {
    #expect(fault([("location", folder("secret"))]).contains("is absolute"))
    #expect(fault([("location", "")]).contains("names no file"))
    #expect(fault([("location", "weights.bin\0")]).contains("names no file"))
    #expect(fault([("location", "parts")]).contains("found a folder, expected a file"))
    #expect(fault([("location", "none.bin")]).contains("cannot be opened"))
  }

  @Test("no link is followed, wherever it leads") func links() throws {
    let manager = FileManager.default
    try manager.createSymbolicLink(atPath: models + "/out", withDestinationPath: "../secret")
    try manager.createSymbolicLink(atPath: models + "/in", withDestinationPath: "weights.bin")
    try manager.createSymbolicLink(atPath: models + "/folder", withDestinationPath: "parts")
    try manager.linkItem(atPath: folder("secret"), toPath: models + "/hard")
    #expect(fault([("location", "out")]).contains("is a link that leads out"))
    #expect(fault([("location", "in")]).contains("is a symbolic link"))
    #expect(fault([("location", "folder/weights.bin")]).contains("is a symbolic link"))
    #expect(fault([("location", "hard")]).contains("2 names (hard links)"))
  }

  @Test("a pipe is not waited for") func pipe() {
    #expect(mkfifo(models + "/pipe", 0o600) == 0)
    #expect(fault([("location", "pipe")]).contains("a pipe or a device"))
  }

  @Test("offset and length lie inside the file and fit the shape") func ranges() {
    let file = ("location", "weights.bin")
    let beyond =
      "external data of 8 bytes from 5 on in the array “w”, expected at most the 12 bytes"
    #expect(fault([file, ("offset", "5")]).contains(beyond))
    #expect(fault([file, ("offset", "13")], [0]).contains("from 13 on"))
    #expect(fault([file, ("offset", "9223372036854775807")]).contains("from 9223372036854775807"))
    #expect(fault([file, ("length", "4")]).contains("4 bytes of external data"))
    #expect(fault([file], [1 << 40]).contains("4398046511104 bytes from 0 on"))
    for number in ["-1", "+1", "1.5", "", "9223372036854775808", "0x4", " 4"] {
      #expect(fault([file, ("offset", number)]).contains("the offset “\(number)”"))
    }
  }

  @Test("unknown keys, repeated keys and missing ones are refused") func keys() {
    let file = ("location", "weights.bin")
    #expect(fault([file, ("basepath", "/")]).contains("the key “basepath”"))
    #expect(fault([file, file]).contains("the key “location” of"))
    #expect(fault([("offset", "0")]).contains("without a location"))
    #expect(fault([]).contains("without a location"))
  }

  @Test("elements stand in one place") func twoPlaces() throws {
    let tensor = Proto.external("w", [1], [("location", "weights.bin")]).bytes(9, [0, 0, 0, 0])
    try AtomicFile.write(Proto.model(weights: [tensor]).bytes, to: models + "/model.onnx")
    let error = #expect(throws: FormatError.self) {
      try ONNXGraph(path: models + "/model.onnx")
    }
    #expect(error?.found.contains("elements both here and in another file") == true)
  }
}
