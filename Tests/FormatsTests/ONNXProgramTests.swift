import Autodiff
import Formats
import TensorCore
import Testing

@Suite("A model of ONNX becomes a graph for one example")
struct ONNXProgramTests {
  // Messages in the numbers of ONNX: what a test says about its model is all that is in it.

  static func floats(_ name: String, _ extents: [Int64], _ elements: [Float]) -> Proto {
    Proto.tensor(name, extents, raw: elements.flatMap { bytes($0.bitPattern) })
  }

  static func integers(_ name: String, _ elements: [Int64]) -> Proto {
    Proto.tensor(
      name, [Int64(elements.count)], kind: 7,
      raw: elements.flatMap { bytes(UInt64(bitPattern: $0)) })
  }

  private static func bytes(_ word: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: word.littleEndian) { Array($0) }
  }

  static func int(_ name: String, _ value: Int64) -> Proto {
    Proto.attribute(name, kind: 2).int(3, value)
  }

  /// An input or output; −1 stands for the batch, −2 for a length left open.
  static func value(_ name: String, _ extents: [Int64], kind: Int64 = 1) -> Proto {
    let axes = extents.map { extent in
      switch extent {
      case -1: Proto().text(2, "batch")
      case -2: Proto().text(2, "length")
      default: Proto().int(1, extent)
      }
    }
    let tensor = Proto().int(1, kind).message(2, Proto().messages(1, axes))
    return Proto().text(1, name).message(2, Proto().message(1, tensor))
  }

  static func program(
    _ nodes: [Proto], weights: [Proto] = [], inputs: [Proto], output: String = "y",
    opset: Int64 = 20, itemShapes: [String: [Int]] = [:]
  ) throws -> ONNXProgram {
    let graph = Proto().messages(1, nodes).messages(5, weights).messages(11, inputs)
      .message(12, Proto().text(1, output))
    let source = try ONNXGraph(Proto.model(graph, opset: opset).source)
    return try ONNXProgram(source, file: "model.onnx", itemShapes: itemShapes)
  }

  /// The output for one example, with the weights of the file.
  static func run(_ program: ONNXProgram, _ inputs: [[Double]]) throws -> [Double] {
    var graph = Graph()
    let data = program.inputs.map { graph.input($0.name, $0.shape) }
    let weights = program.parameters.map { graph.input("weight " + $0.name, $0.array.shape) }
    let output = try program.output(&graph, inputs: data, parameters: weights)
    #expect(graph.shape(output) == program.outputShape)
    let workspace = Plan<Double>(graph, outputs: [output]).makeWorkspace()
    for (input, elements) in zip(program.inputs, inputs) {
      workspace.set(input.name, Tensor(input.shape, elements))
    }
    for parameter in program.parameters {
      workspace.set("weight " + parameter.name, try parameter.array.tensor(as: Double.self))
    }
    Plan<Double>(graph, outputs: [output]).run(workspace)
    return workspace.tensor(0).scalars
  }

  static let row = [value("x", [-1, 2])]
  static let weight = floats("weight", [2, 2], [1, 2, 3, 4])

  static func fault(_ make: () throws -> ONNXProgram) -> String {
    do {
      _ = try make()
      return "nothing was refused"
    } catch {
      return "\(error)"
    }
  }

  // MARK: What a file means

  @Test("a layer has its weights for parameters and one example for a batch") func layer() throws {
    let gemm = Proto.node(
      "Gemm", ["x", "weight", "bias"], ["h"], attributes: [Self.int("transB", 1)])
    let program = try Self.program(
      [gemm, Proto.node("Relu", ["h"], ["y"])],
      weights: [Self.weight, Self.floats("bias", [2], [0, -20])], inputs: Self.row)
    #expect(program.inputs.map(\.shape) == [[1, 2]])
    #expect(program.parameters.map(\.name) == ["weight", "bias"])
    #expect(program.parameters.map(\.isTrainable) == [true, true])
    #expect(program.outputShape == [1, 2])
    // [5 · 1 + 1 · 2, max(5 · 3 + 1 · 4 − 20, 0)]
    #expect(try Self.run(program, [[5, 1]]) == [7, 0])
    #expect(program.notes.isEmpty)
  }

  @Test("arithmetic on shapes is done beforehand, a length comes from the data") func shapes()
    throws
  {
    let nodes = [
      Proto.node("Shape", ["x"], ["s"]),
      Proto.node("Gather", ["s", "one"], ["n"]),
      Proto.node("Concat", ["n", "rest"], ["to"], attributes: [Self.int("axis", 0)]),
      Proto.node("Reshape", ["x", "to"], ["y"]),
    ]
    let program = try Self.program(
      nodes, weights: [Self.integers("one", [1]), Self.integers("rest", [-1])],
      inputs: [Self.value("x", [-1, -2, 2])], itemShapes: ["x": [3, 2]])
    #expect(program.outputShape == [3, 2])
    #expect(program.parameters.isEmpty)
    var graph = Graph()
    let x = graph.input("x", program.inputs[0].shape)
    _ = try program.output(&graph, inputs: [x], parameters: [])
    #expect(graph.nodes.count == 2, "the input and its reshape")
  }

  @Test("tokens are whole numbers, and a negative one counts from the end") func tokens() throws {
    let program = try Self.program(
      [Proto.node("Gather", ["weight", "x"], ["y"])], weights: [Self.weight],
      inputs: [Self.value("x", [-1, 3], kind: 7)])
    #expect(program.inputs[0].isWhole)
    #expect(try Self.run(program, [[1, 0, -1]]) == [3, 4, 1, 2, 3, 4])
  }

  @Test("an operator means what it meant in its opset", arguments: [(12, 0.25), (13, 0.5)])
  func opsets(opset: Int64, expected: Double) throws {
    // Before opset 13 softmax took all axes from the given one on together.
    let program = try Self.program(
      [Proto.node("Softmax", ["x"], ["y"], attributes: [Self.int("axis", 1)])],
      inputs: [Self.value("x", [-1, 2, 2])], opset: opset)
    #expect(try Self.run(program, [[0, 0, 0, 0]]) == [Double](repeating: expected, count: 4))
  }

  // MARK: What is trained

  @Test("the statistics of a batch normalization are not trained") func buffers() throws {
    let vectors = ["scale", "offset", "mean", "variance"]
    let program = try Self.program(
      [Proto.node("BatchNormalization", ["x"] + vectors, ["y"])],
      weights: vectors.map { Self.floats($0, [2], [1, 1]) }, inputs: Self.row)
    #expect(program.parameters.map(\.name) == vectors)
    #expect(program.parameters.map(\.isTrainable) == [true, true, false, false])
  }

  @Test("what no derivative reaches is not trained, a mask is a constant") func masks() throws {
    let nodes = [
      Proto.node("Less", ["x", "limit"], ["c"]),
      Proto.node("Where", ["c", "x", "weight"], ["h"]), Proto.node("Add", ["h", "mask"], ["y"]),
    ]
    let program = try Self.program(
      nodes,
      weights: [
        Self.floats("limit", [2], [1, 2]), Self.floats("weight", [2], [3, 4]),
        Self.floats("mask", [2], [0, -.infinity]),
      ], inputs: Self.row)
    #expect(program.parameters.map(\.name) == ["limit", "weight"])
    #expect(program.parameters.map(\.isTrainable) == [false, true])
    #expect(program.notes.count == 1)
    #expect(program.notes[0].contains("“mask”"))
  }

  @Test("weights that the output does not need are left out") func unneeded() throws {
    let nodes = [
      Proto.node("Mul", ["x", "other"], ["z"]), Proto.node("MatMul", ["x", "weight"], ["y"]),
    ]
    let program = try Self.program(
      nodes, weights: [Self.weight, Self.floats("other", [2], [1, 2])], inputs: Self.row)
    #expect(program.parameters.map(\.name) == ["weight"])
  }

  @Test("weights that an exporter doubled or renamed are told of") func notes() throws {
    let twin = Self.floats("val_3", [2, 2], [1, 3, 2, 4])
    let nodes = [
      Proto.node("MatMul", ["x", "weight"], ["h"]), Proto.node("MatMul", ["h", "val_3"], ["y"]),
    ]
    let notes = try Self.program(nodes, weights: [Self.weight, twin], inputs: Self.row).notes
    #expect(notes.contains { $0.contains("“val_3” is “weight” again") })
    #expect(notes.contains { $0.contains("exporter's own") })
  }

  // MARK: What is refused

  @Test("training is refused in plain words") func training() {
    let vectors = ["scale", "offset", "mean", "variance"]
    let normalization = Proto.node(
      "BatchNormalization", ["x"] + vectors, ["y", "m", "v"],
      attributes: [Self.int("training_mode", 1)])
    let first = Self.fault {
      try Self.program(
        [normalization], weights: vectors.map { Self.floats($0, [2], [1, 1]) }, inputs: Self.row)
    }
    #expect(first.contains("an example has no gradient of its own"))
    #expect(first.contains("model.eval()"))
    let always = Proto.tensor("always", [], kind: 9, raw: [1])
    let second = Self.fault {
      try Self.program(
        [Proto.node("Dropout", ["x", "", "always"], ["y"])], weights: [always], inputs: Self.row)
    }
    #expect(second.contains("dropout in training is not supported"))
  }

  @Test("an unknown operator or attribute is named") func unknown() {
    let first = Self.fault {
      try Self.program([Proto.node("Det", ["x"], ["y"])], inputs: Self.row)
    }
    #expect(
      first
        == "model.onnx: the node that makes “y” (Det, opset 20): the operator Det is not supported")
    let second = Self.fault {
      try Self.program(
        [Proto.node("Relu", ["x"], ["y"], attributes: [Self.int("slope", 1)])], inputs: Self.row)
    }
    #expect(second.contains("the attribute “slope”"))
  }

  @Test("a batch must be open or of one, a length must be known") func extents() {
    let relu = [Proto.node("Relu", ["x"], ["y"])]
    let first = Self.fault { try Self.program(relu, inputs: [Self.value("x", [8, 2])]) }
    #expect(first.contains("a batch of 8 examples"))
    let second = Self.fault { try Self.program(relu, inputs: [Self.value("x", [-1, -2])]) }
    #expect(second.contains("axis 1 “length”"))
    let third = Self.fault {
      try Self.program(relu, inputs: [Self.value("x", [-1, 3])], itemShapes: ["x": [4]])
    }
    #expect(third.contains("expected 4 as the data"))
  }

  // MARK: Hostile files

  @Test(
    "small files that ask for much are refused at once",
    arguments: [
      [Proto.node("ConstantOfShape", ["large"], ["h"]), Proto.node("Add", ["x", "h"], ["y"])],
      [Proto.node("Expand", ["x", "large"], ["y"])],
      [Proto.node("Tile", ["x", "large"], ["y"])],
      [
        Proto.node("Range", ["zero", "end", "one"], ["h"]),
        Proto.node("Add", ["x", "h"], ["y"]),
      ],
      [Proto.node("Pad", ["x", "pads"], ["y"])],
      [Proto.node("OneHot", ["x", "end", "large"], ["y"])],
      [
        // 4096 x 4096 ones times themselves, again and again.
        Proto.node("ConstantOfShape", ["square"], ["a"]), Proto.node("MatMul", ["a", "a"], ["b"]),
        Proto.node("MatMul", ["b", "b"], ["c"]), Proto.node("Add", ["x", "c"], ["y"]),
      ],
      [
        Proto.node("SequenceConstruct", ["x", "x"], ["a"]),
        Proto.node("SequenceConstruct", ["a", "a"], ["b"]), Proto.node("Add", ["x", "b"], ["y"]),
      ],
    ])
  func bombs(nodes: [Proto]) {
    let much: Int64 = 1 << 40
    let weights = [
      Self.integers("large", [much, much]), Self.integers("end", [.max]),
      Self.integers("zero", [0]), Self.integers("one", [1]),
      Self.integers("pads", [0, .max, 0, .max]), Self.integers("square", [4096, 4096]),
    ]
    let fault = Self.fault { try Self.program(nodes, weights: weights, inputs: Self.row) }
    #expect(fault.hasPrefix("model.onnx: "))
    #expect(fault.count < 1000)
  }
}
