import Foundation
import Formats
import TensorCore
import Testing
import Training

@Suite("What the numbers of a file of items mean") final class ItemMeaningTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "palimpsest-items-\(UUID().uuidString)").path

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func file(_ name: String, _ array: StoredArray) throws -> String {
    try NPY.write(array, to: "\(folder)/\(name)")
    return "\(folder)/\(name)"
  }

  private func read(
    _ x: StoredArray, _ y: StoredArray, _ model: any Model, _ loss: Loss
  ) throws -> Dataset<Double> {
    try Dataset<Double>.read(
      inputs: file("x.npy", x), targets: file("y.npy", y), model, loss: loss)
  }

  private func fault(
    _ x: StoredArray, _ y: StoredArray, _ model: any Model, _ loss: Loss
  ) throws -> String {
    do {
      _ = try read(x, y, model, loss)
      return "nothing was refused"
    } catch { return "\(error)" }
  }

  private static func numbers(_ shape: Shape) -> StoredArray {
    StoredArray(Tensor<Float>(shape, (0..<shape.count).map { Float($0 % 7) }))
  }

  private static func labels(_ count: Int) -> StoredArray {
    StoredArray((0..<count).map { Int64($0 % 2) }, shape: [count])
  }

  @Test(
    "axes are compared, a row may stand for them, and axes of extent 1 do not count",
    arguments: [
      ([4, 3, 8, 8], true), ([4, 192], true), ([4, 1, 3, 8, 8], true), ([4, 8, 8, 3], false),
      ([4, 4, 16, 3], false), ([4, 8, 24], false),
    ] as [([Int], Bool)])
  func axes(_ extents: [Int], _ isRight: Bool) throws {
    let model = try ModelRegistry.model("cnn:3x8x8:4c3-3:relu")
    let said = try fault(
      Self.numbers(Shape(extents)), Self.labels(4), model, .crossEntropy)
    #expect((said == "nothing was refused") == isRight, "\(said)")
    if extents == [4, 8, 8, 3] { #expect(said.contains("numpy.moveaxis(x, -1, 1)")) }
  }

  @Test("a picture may be a row of an MLP") func flattened() throws {
    let model = try ModelRegistry.model("mlp:64-4-2:relu")
    let said = try fault(Self.numbers([4, 8, 8]), Self.labels(4), model, .crossEntropy)
    #expect(said == "nothing was refused", "\(said)")
  }

  @Test("one output has no classes: binary cross-entropy is named") func oneOutput() throws {
    let model = try ModelRegistry.model("mlp:5-4-1:relu")
    let said = try fault(Self.numbers([4, 5]), Self.labels(4), model, .crossEntropy)
    #expect(said.contains("one output") && said.contains("binary-cross-entropy"), "\(said)")
    let targets = StoredArray(Tensor<Float>([4], [0, 1, 2, 0]))
    let outside = try fault(Self.numbers([4, 5]), targets, model, .binaryCrossEntropy)
    #expect(outside.contains("item 2") && outside.contains("from 0 to 1"), "\(outside)")
  }

  /// A file of bytes as NumPy writes it.
  private func byteFile(_ name: String, _ bytes: [UInt8], _ shape: String) throws -> String {
    var header = "{'descr': '|u1', 'fortran_order': False, 'shape': \(shape), }"
    header += String(repeating: " ", count: (64 - (header.utf8.count + 11) % 64) % 64) + "\n"
    let size = UInt16(header.utf8.count)
    let start: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(size & 255), UInt8(size >> 8)]
    try Data(start + Array(header.utf8) + bytes).write(to: URL(filePath: "\(folder)/\(name)"))
    return "\(folder)/\(name)"
  }

  @Test("bytes have one scale for inputs and targets, and none where they are kept")
  func bytes() throws {
    let pictures = try byteFile("pictures.npy", [0, 51, 255, 102], "(2, 2)")
    let copy = try byteFile("copy.npy", [0, 51, 255, 102], "(2, 2)")
    let ratings = try byteFile("ratings.npy", [3, 4], "(2,)")
    func read(
      _ text: String, _ targets: String, _ settings: ModelSettings = ModelSettings()
    ) throws -> Dataset<Double> {
      try Dataset<Double>.read(
        inputs: pictures, targets: targets, ModelRegistry.model(text, settings: settings),
        loss: .squaredError)
    }
    let scaled = try read("mlp:2-3-2:tanh", copy)
    #expect(scaled.inputs.scalars == [0, 0.2, 1, 0.4])
    let alike: Dataset<Double>.Targets = .values(Tensor([2, 2], [0, 0.2, 1, 0.4]))
    #expect(scaled.targets == alike)
    // Targets of a shape of their own are the numbers that they are.
    let own: Dataset<Double>.Targets = .values(Tensor([2, 1], [3, 4]))
    #expect(try read("mlp:2-3-1:tanh", ratings).targets == own)
    var settings = ModelSettings()
    settings.keepsBytes = true
    #expect(try read("mlp:2-3-2:tanh", copy, settings).inputs.scalars == [0, 51, 255, 102])
    let stored = try StoredItems(inputs: pictures, targets: copy)
    let model = try ModelRegistry.model("mlp:2-3-2:tanh")
    let note = try #require(stored.byteNote(model, loss: .squaredError, "Training inputs"))
    #expect(note.contains("and their targets") && note.contains("divided by 255"))
  }

  @Test("a built-in model trains what the patterns say, from the same first parameters")
  func patterns() throws {
    var settings = ModelSettings()
    settings.patterns = NamePatterns(constants: ["0.*"])
    let whole = try ModelRegistry.model("mlp:4-5-3:tanh")
    let part = try ModelRegistry.model("mlp:4-5-3:tanh", settings: settings)
    #expect(part.layout.entries.map(\.name) == ["2.weight", "2.bias", "0.weight", "0.bias"])
    #expect(part.layout.trainableCount == 18)
    let (a, b) = (whole.initialParameters(seed: 3), part.initialParameters(seed: 3))
    for entry in whole.layout.entries {
      let own = try #require(part.layout.entries.first { $0.name == entry.name })
      #expect(Array(a[entry.range]) == Array(b[own.range]))
    }
    let x = Tensor<Double>([2, 4], [1, 2, 3, 4, -1, 0, 2, 1])
    let items = Dataset(inputs: x, targets: .labels([0, 2]))
    #expect(
      whole.values(of: .loss, loss: .crossEntropy, on: items, at: a)
        == part.values(of: .loss, loss: .crossEntropy, on: items, at: b))
    settings.patterns = NamePatterns(constants: ["*"])
    #expect(throws: ModelError.self) {
      try ModelRegistry.model("mlp:4-5-3:tanh", settings: settings)
    }
  }
}
