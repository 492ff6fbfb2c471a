import Autodiff
import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("Data")
struct DataTests {
  private let folder: TemporaryFolder
  private let model: any Model
  private var x: String { folder.path("x.npy") }
  private var y: String { folder.path("y.npy") }

  init() throws {
    folder = try TemporaryFolder()
    model = try MLP("mlp:4-3")
    try NPY.write(Tensor<Double>([2, 4], [0, 1, 2, 3, 4, 5, 6, 7]), to: folder.path("x.npy"))
    try NPY.write(StoredArray([2, -100], shape: [2]), to: folder.path("y.npy"))
  }

  private func read(_ loss: Loss = .crossEntropy) throws -> Dataset<Float> {
    try Dataset.read(inputs: x, targets: y, model, loss: loss)
  }

  private func fault(_ loss: Loss = .crossEntropy) -> String { message { _ = try read(loss) } }

  @Test("the digits are 1,797 images with labels, 1,500 of them to learn")
  func digits() {
    let (train, test) = Digits.split(as: Double.self)
    #expect(train.inputs.shape == [1500, 64])
    #expect(test.inputs.shape == [297, 64])
    let all = Digits.all(as: Double.self)
    #expect(all.inputs.scalars == train.inputs.scalars + test.inputs.scalars)
    #expect(all.inputs.scalars.min() == 0 && all.inputs.scalars.max() == 1)
    let labels = all.labels ?? []
    #expect(Array(labels[..<10]) == Array(0...9))
    // The published counts of the ten digits.
    let counts = (0...9).map { digit in labels.count { $0 == digit } }
    #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    #expect(Digits.all(as: Float.self).cast() == all)
  }

  @Test("npy inputs and labels")
  func npy() throws {
    let data = try read()
    #expect(data.inputs == Tensor([2, 4], [0, 1, 2, 3, 4, 5, 6, 7]))
    #expect(data.labels == [2, -100])
  }

  @Test("images are flattened, and bytes become numbers from 0 to 1")
  func idx() throws {
    let pixels: [UInt8] = [0, 51, 102, 255, 255, 0, 0, 0]
    let images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2] + pixels
    try Data(images).write(to: URL(fileURLWithPath: folder.path("x")))
    try Data([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]).write(to: URL(fileURLWithPath: folder.path("y")))
    let data = try Dataset<Float>.read(
      inputs: folder.path("x"), targets: folder.path("y"), model, loss: .crossEntropy)
    #expect(data.inputs == Tensor([2, 4], pixels.map { Float($0) / 255 }))
    #expect(data.labels == [1, 0])
  }

  @Test("tables")
  func csv() throws {
    try folder.write("a,b,c,d\n0,1,2,3\n4,5,6,7.5\n", to: "x.csv")
    try folder.write("label\n2\n1\n", to: "y.csv")
    let data = try Dataset<Double>.read(
      inputs: folder.path("x.csv"), targets: folder.path("y.csv"), model, loss: .crossEntropy)
    #expect(data.inputs == Tensor([2, 4], [0, 1, 2, 3, 4, 5, 6, 7.5]))
    #expect(data.labels == [2, 1])
  }

  @Test("numbers are the targets of squared error")
  func values() throws {
    let values = Tensor<Float>([2, 3], [1, 2, 3, 4, 5, 6])
    try NPY.write(values, to: y)
    #expect(try read(.squaredError).targets == .values(values))
  }

  @Test("bytes among the targets stay what they are")
  func byteTargets() throws {
    let header = { (width: UInt8) in [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, width] as [UInt8] }
    let pixels = Data(header(4) + [0, 51, 102, 255, 255, 0, 0, 0])
    try pixels.write(to: URL(fileURLWithPath: x))
    try Data(header(3) + [0, 1, 2, 50, 200, 255]).write(to: URL(fileURLWithPath: y))
    let data = try read(.squaredError)
    #expect(data.inputs == Tensor([2, 4], [0, 0.2, 0.4, 1, 1, 0, 0, 0]))
    #expect(data.targets == .values(Tensor([2, 3], [0, 1, 2, 50, 200, 255])))
  }

  @Test("inputs that do not fit the model")
  func inputShape() throws {
    try NPY.write(Tensor<Float>([2, 5]), to: x)
    #expect(
      fault()
        == "\(x): found inputs of shape [2, 5], expected [N, 4] for the model mlp:4-3:relu")
    try NPY.write(Tensor<Float>([0, 4]), to: x)
    #expect(fault().contains("[0, 4]"))
    try NPY.write(Tensor<Float>([], [1]), to: x)
    #expect(fault().contains("inputs of shape []"))
  }

  @Test("names and groups are lines of text, one for each item")
  func names() throws {
    let folder = try TemporaryFolder()
    try folder.write("Ann\r\nBob\nCara", to: "three.txt")
    #expect(try ItemNames.read(path: folder.path("three.txt"), items: 3) == ["Ann", "Bob", "Cara"])
    #expect(
      message { _ = try ItemNames.read(path: folder.path("three.txt"), items: 4) }
        .contains("found 3 lines, expected 4"))
    try folder.write("Ann\n\nCara\n", to: "hole.txt")
    #expect(
      message { _ = try ItemNames.read(path: folder.path("hole.txt"), items: 3) }
        .contains("found nothing in line 2, expected the name of a group, such as - for none"))
    try folder.write("Ann\nBob\nAnn\n", to: "twice.txt")
    #expect(
      try ItemNames.read(path: folder.path("twice.txt"), items: 3) == ["Ann", "Bob", "Ann"])
    #expect(
      message {
        _ = try ItemNames.read(path: folder.path("twice.txt"), items: 3, areUnique: true)
      }.contains("found “Ann” in lines 1 and 3, expected a name of its own for each item"))
  }

  @Test("inputs and targets of different numbers")
  func counts() throws {
    try NPY.write(StoredArray([0, 1, 2], shape: [3]), to: y)
    #expect(fault() == "\(y): found 3 targets, expected 2, one for each item in \(x)")
  }

  @Test("NaN in the inputs is found with its item")
  func nan() throws {
    try NPY.write(Tensor<Float>([2, 4], [0, 1, 2, 3, 4, .nan, 6, 7]), to: x)
    #expect(
      fault() == "\(x): item 1: found nan as input 1, expected a finite number; "
        + "fill it in, or leave the item out")
  }

  @Test("labels out of range", arguments: [3, -1, -99, 1 << 40] as [Int64])
  func labels(_ label: Int64) throws {
    try NPY.write(StoredArray([0, label], shape: [2]), to: y)
    #expect(
      fault() == "\(y): item 1: found the label \(label), expected 0 to 2, or -100 for none")
  }

  @Test("labels whose axes are not the output's, as where classes are its first axis")
  func axesOfLabels() throws {
    struct Picture: Model {
      let specification = "picture"
      let layout = ParameterLayout([])
      let inputShape: Shape = [3, 4, 3]
      let outputShape: Shape = [3, 4, 3]
      func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID { inputs }
      func initialParameters(seed: UInt64) -> [Double] { [] }
    }
    try NPY.write(Tensor<Float>([2, 3, 4, 3]), to: x)
    func fault(_ shape: Shape) throws -> String {
      try NPY.write(StoredArray([Int64](repeating: 1, count: shape.count), shape: shape), to: y)
      return message {
        _ = try Dataset<Float>.read(inputs: x, targets: y, Picture(), loss: .crossEntropy)
      }
    }
    // As many labels, for the pixels [4, 3] of three classes.
    #expect(
      try fault([2, 4, 3])
        == "\(y): found labels of shape [2, 4, 3], expected [N, 3, 4]; the classes have to be the "
        + "last axis of the model's output [3, 4, 3]")
    #expect(try fault([2, 3, 4]) == "no error")
    #expect(try fault([2, 12]) == "no error")
  }

  @Test("labels with fractions, and labels of two axes")
  func strangeLabels() throws {
    try NPY.write(Tensor<Double>([2], [0, 0.5]), to: y)
    #expect(fault().contains("element 1: found 0.5"))
    try NPY.write(StoredArray([0, 1, 2, 0], shape: [2, 2]), to: y)
    #expect(fault() == "\(y): found labels of shape [2, 2], expected [N]")
  }

  @Test("targets that do not fit the loss")
  func targets() throws {
    #expect(fault(.squaredError).hasPrefix("\(y): found targets of shape [2], expected [N, 3]"))
    try NPY.write(Tensor<Float>([2, 3], [1, 2, 3, 4, .infinity, 6]), to: y)
    #expect(
      fault(.squaredError) == "\(y): item 1: found inf as target, expected a finite number; "
        + "fill it in, or leave the item out")
  }

  @Test("a file that is not there")
  func missing() throws {
    try FileManager.default.removeItem(atPath: y)
    #expect(fault().hasPrefix("\(y): cannot be opened"))
  }

  @Test("item weights are one finite number for each item")
  func weights() throws {
    let path = folder.path("w.npy")
    try NPY.write(Tensor<Float>([2], [1, 0.5]), to: path)
    #expect(try ItemWeights.read(path: path, items: 2) as [Double] == [1, 0.5])
    #expect(
      message { _ = try ItemWeights.read(path: path, items: 3) as [Float] }
        == "\(path): found weights of shape [2], expected [3], one for each training item")
    try NPY.write(Tensor<Float>([2], [1, .nan]), to: path)
    #expect(
      message { _ = try ItemWeights.read(path: path, items: 2) as [Float] }
        == "\(path): element 1: found nan, expected a finite weight")
  }
}

@Suite("Parameter files")
struct ParameterFileTests {
  private let folder: TemporaryFolder
  private let model: MLP
  private var path: String { folder.path("initial.safetensors") }

  init() throws {
    folder = try TemporaryFolder()
    model = try MLP("mlp:2-3")
  }

  private func fault(_ arrays: [(String, Tensor<Float>)]) throws -> String {
    try Safetensors(arrays.map { NamedArray($0.0, StoredArray($0.1)) }).write(to: path)
    return message { _ = try model.layout.read(path) as [Float] }
  }

  @Test("PyTorch's parameters are read by name")
  func initial() throws {
    let model = try MLP("mlp:8-4-5:tanh")
    let path = oracle("command/initial.safetensors")
    let flat: [Double] = try model.layout.read(path)
    #expect(flat.count == 61)
    let bias: Tensor<Double> = try #require(try Safetensors(path: path)["0.bias"]).tensor()
    #expect(Array(flat[32..<36]) == bias.scalars)
  }

  @Test("names, shapes and numbers are checked")
  func refused() throws {
    let weight = ("0.weight", Tensor<Float>([3, 2], repeating: 1))
    let bias = ("0.bias", Tensor<Float>([3], repeating: 1))
    #expect(try fault([weight, bias]) == "no error")
    #expect(try fault([weight]) == "\(path): found no array “0.bias”, expected one of shape [3]")
    #expect(
      try fault([("0.weight", Tensor([2, 3])), bias])
        == "\(path): found “0.weight” of shape [2, 3], float32, expected numbers of shape [3, 2]")
    #expect(
      try fault([weight, bias, ("2.bias", Tensor([1]))])
        == "\(path): found “2.bias” of shape [1], expected parameters of the model only: "
        + "0.weight [3, 2], 0.bias [3]")
    #expect(
      try fault([weight, ("0.bias", Tensor([3], [0, .nan, 0]))]).hasPrefix(
        "\(path): element 1: found nan in “0.bias”, expected a finite number"))
    // The optimizer's state may stand beside the parameters.
    #expect(try fault([weight, bias, ("optimizer/momentum", Tensor([9]))]) == "no error")
  }
}

@Suite("Model texts")
struct ModelTextTests {
  @Test(
    "what is no model is refused with what is wrong",
    arguments: [
      ("mlp:4", "layer extents “4”"), ("mlp:4-0-3", "layer extents"),
      ("mlp:4-3:swish", "none of"),
      ("mlp", "1 parts"), ("rnn:3", "of no known kind"), ("", "of no known kind"),
      ("cnn:3", "2 parts"), ("cnn:1x4x4:2c5-3", "2c5 on an item of shape [1, 4, 4]"),
      ("cnn:1x4x4:2c3", "no linear layer at the end"), ("cnn:4x4:3", "an image of 2 extents"),
      ("cnn:1x4x4:3-2c1-3", "2c1 on an item of shape [3]"), ("cnn:1x9x9:p0-3", "pool “0”"),
      ("cnn:99999x99999x9:3", "more than 268435456"), ("transformer:width=4", "no vocabulary"),
      (
        "transformer:vocabulary=3,context=2,width=5,heads=2,layers=1",
        "a width of 5, which 2 heads do not divide"
      ),
      ("transformer:vocabulary=3,vocabulary=3", "part “vocabulary=3”"),
      (
        "transformer:vocabulary=3,context=9999999,width=4,heads=2,layers=1", "more than 268435456"
      ),
      ("mlp:16777216-16777216", "more than 268435456 parameters"),
      ("mlp:4-99999999999999999999", "layer extents"),
    ])
  func refused(_ text: String, _ reason: String) {
    #expect(message { _ = try ModelRegistry.model(text) }.contains(reason))
  }

  @Test("the sum of the parameters cannot overflow")
  func overflow() {
    let text = "mlp:" + [String](repeating: "16777216", count: 40_000).joined(separator: "-")
    #expect(message { _ = try ModelRegistry.model(text) }.contains("more than"))
  }
}
