import Formats
import TensorCore
import Testing

@Suite("models of ONNX files")
struct ONNXReaderTests {
  static func graph(_ golden: String) throws -> ONNXGraph {
    try ONNXGraph(ByteSource(golden: golden, name: "model.onnx"))
  }

  @Test("a network has operators, weights, inputs and outputs") func network() throws {
    let graph = try ONNXReaderTests.graph(ONNXGolden.onnxNetwork)
    #expect(graph.name == "network")
    #expect(graph.producer == "maker 1.5")
    #expect(graph.opset == 20)
    #expect(graph.nodes.map(\.operatorName) == ["Gemm", "Relu", "MatMul"])
    #expect(graph.nodes.map(\.name) == ["first", "", "second"])
    #expect(graph.nodes[0].inputs == ["x", "first.weight", "first.bias"])
    #expect(graph.nodes[0].outputs == ["h"])
    guard case .int(1)? = graph.nodes[0].attributes["transB"] else {
      Issue.record("transB is \(graph.nodes[0].attributes)")
      return
    }
    #expect(
      graph.initializers.map(\.name) == ["first.weight", "first.bias", "second.weight"])
    let weight = try graph.initializers[0].array.tensor(as: Float.self)
    #expect(weight == Tensor([3, 2], [1, 2, 3, 4, 5, 6]))
  }

  @Test("a weight among the inputs is a weight, and an axis may have a name") func inputs() throws {
    let graph = try ONNXReaderTests.graph(ONNXGolden.onnxNetwork)
    #expect(graph.inputs.map(\.name) == ["x"])
    #expect(graph.inputs[0].elementType == .float32)
    #expect(graph.inputs[0].extents == [.symbol("batch"), .fixed(2)])
    #expect(graph.outputs.map(\.name) == ["y"])
  }

  @Test(
    "every type of elements is read, as raw bytes and from the field of its type",
    arguments: [true, false])
  func elements(raw: Bool) throws {
    let graph = try ONNXReaderTests.graph(raw ? ONNXGolden.onnxRaw : ONNXGolden.onnxTyped)
    let arrays = Dictionary(uniqueKeysWithValues: graph.initializers.map { ($0.name, $0.array) })
    for type in ElementType.allCases {
      let array = try #require(arrays[type.rawValue])
      #expect(array.elementType == type)
      let expected: Tensor<Double> =
        type == .bool ? Tensor([1, 3], [0, 1, 1]) : Tensor([2, 3], [0, 1, 2, 3, 4, 100])
      #expect(try array.tensor(as: Double.self) == expected)
    }
    #expect(try arrays["empty"]?.tensor(as: Float.self) == Tensor([0, 4], []))
    #expect(try arrays["scalar"]?.tensor(as: Float.self) == Tensor([], [2.5]))
    // Nothing reads the texts, so they are left out.
    #expect(arrays.count == ElementType.allCases.count + 2)
  }

  @Test("lists of numbers may be packed or not") func unpacked() throws {
    let list = Proto().int(1, 2).int(1, 1).int(2, 7).text(8, "w").int(7, 5).int(7, -6)
    let array = try #require(try ONNXGraph(Proto.model(weights: [list]).source).initializers.first)
    #expect(array.name == "w")
    #expect(array.array.shape == [2, 1])
    #expect(try array.array.integers() == [5, -6])
  }

  @Test("an operator keeps its domain and its attributes") func attributes() throws {
    let graph = try ONNXReaderTests.graph(ONNXGolden.onnxAttributes)
    #expect(graph.nodes.map(\.domain) == ["", "org.example"])
    guard case .tensor(let constant)? = graph.nodes[0].attributes["value"] else {
      Issue.record("no constant in \(graph.nodes[0].attributes)")
      return
    }
    #expect(try constant.integers() == [1, 2])
    let special = graph.nodes[1]
    #expect(special.inputs == ["x", "", "c"])
    let found = special.attributes.mapValues { "\($0)" }
    #expect(
      found == [
        "whole": "int(-3)", "half": "float(0.5)", "text": "string(\"né\")",
        "wholes": "ints([1, -2, 3])", "halves": "floats([0.5, 0.25])",
        "texts": "strings([\"a\", \"b\"])",
      ])
    #expect(graph.inputs[0].extents == nil)
    #expect(graph.inputs[1].extents == [.unknown, .unknown, .fixed(4), .symbol("n")])
    #expect(graph.inputs[1].elementType == .int64)
    #expect(graph.outputs[0].extents == [])
  }

  @Test("a branch is a graph that reads the values around it") func branches() throws {
    let graph = try ONNXReaderTests.graph(ONNXGolden.onnxBranches)
    guard case .graph(let then)? = graph.nodes[0].attributes["then_branch"] else {
      Issue.record("no branch in \(graph.nodes[0].attributes)")
      return
    }
    #expect(then.nodes.map(\.operatorName) == ["Neg"])
    #expect(then.nodes[0].inputs == ["x"])
    #expect(then.outputs.map(\.name) == ["n"])
  }

  @Test("a file of PyTorch serves as a checkpoint") func checkpoint() throws {
    let folder = try TemporaryFolder()
    let path = folder("model.ONNX")
    try AtomicFile.write(goldenBytes(ONNXGolden.onnxExported), to: path)
    let arrays = try NamedArray.readAll(path: path)
    #expect(arrays.map(\.name) == ["weight", "bias"])
    #expect(try arrays[0].array.tensor(as: Float.self) == Tensor([1, 2], [1.5, -2]))
    #expect(try ONNXGraph(path: path).producer.hasPrefix("pytorch 2."))
  }

  @Test("a tensor alone is read") func tensor() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write(goldenBytes(ONNXGolden.tensor), to: folder("input_0.pb"))
    let input = try NamedArray.readTensorProto(path: folder("input_0.pb"))
    #expect(input.name == "input_0")
    #expect(try input.array.tensor(as: Float.self) == Tensor([2, 2], [1, 2, 3, 4]))
  }
}
