import Autodiff
import Formats
import TensorCore
import Testing

@Suite("An operator of ONNX means what the standard says at its corners")
struct ONNXMeaningTests {
  typealias Model = ONNXProgramTests

  static func ints(_ name: String, _ values: Int64...) -> Proto {
    values.reduce(Proto.attribute(name, kind: 7)) { $0.int(8, $1) }
  }

  @Test("an index beyond its axis gives NaN, and not the element of another row") func indices()
    throws
  {
    let elements = try Model.program(
      [Proto.node("GatherElements", ["weight", "x"], ["y"], attributes: [Model.int("axis", 1)])],
      weights: [Model.weight], inputs: [Model.value("x", [-1, 4], kind: 7)])
    let row = try Model.run(elements, [[0, -1, 2, -3]])
    #expect(row[...1] == [1, 2])
    #expect(row[2...].allSatisfy { $0.isNaN })
    let points = try Model.program(
      [Proto.node("GatherND", ["weight", "x"], ["y"])], weights: [Model.weight],
      inputs: [Model.value("x", [-1, 3, 2], kind: 7)])
    let picked = try Model.run(points, [[1, -2, 0, 2, -3, 1]])
    #expect(picked[0] == 3)
    #expect(picked[1...].allSatisfy { $0.isNaN })
  }

  @Test("sums along an axis keep what is infinite to its own place") func sums() throws {
    func run(_ attributes: Proto...) throws -> [Double] {
      let program = try Model.program(
        [Proto.node("CumSum", ["x", "one"], ["y"], attributes: attributes)],
        weights: [Model.integers("one", [1])], inputs: [Model.value("x", [-1, 5])])
      return try Model.run(program, [[1, 2, 4, .infinity, 8]])
    }
    #expect(try run() == [1, 3, 7, .infinity, .infinity])
    #expect(try run(Model.int("exclusive", 1)) == [0, 1, 3, 7, .infinity])
    let back = try run(Model.int("reverse", 1), Model.int("exclusive", 1))
    #expect(back == [.infinity, .infinity, .infinity, 8, 0])
  }

  @Test("a weight inside of a branch would be no parameter, and is refused") func branches() throws
  {
    func model(_ inner: [Proto], reading name: String) throws -> ONNXProgram {
      let nodes = [Proto.node("Add", ["x", name], ["b"])]
      let branch = { (attribute: String) in
        Proto.attribute(attribute, kind: 5).message(
          6, .graph(nodes: nodes, weights: inner, outputs: ["b"]))
      }
      let choice = Proto.node(
        "If", ["one"], ["y"], attributes: [branch("then_branch"), branch("else_branch")])
      return try Model.program(
        [choice], weights: [Model.integers("one", [1]), Model.floats("outer", [2], [1, 2])],
        inputs: Model.row)
    }
    let line = Model.fault {
      try model([Model.floats("inner", [2], [1, 2])], reading: "inner")
    }
    #expect(line.contains("weights inside of a branch: “inner”"), "\(line)")
    #expect(line.contains("without branches"))
    // A weight of the whole model is a parameter wherever it is read.
    #expect(try model([], reading: "outer").parameters.map(\.name) == ["outer"])
  }

  @Test("an output that an operator does not give is named where it is read") func outputs() throws
  {
    func model(_ read: String) throws -> ONNXProgram {
      try Model.program(
        [Proto.node("Relu", ["x"], ["h", "more"]), Proto.node("Neg", [read], ["y"])],
        inputs: Model.row)
    }
    let line = Model.fault { try model("more") }
    #expect(line.contains("“more”, output 2 or later of a node (Relu)"), "\(line)")
    #expect(try Model.run(model("h"), [[3, -4]]) == [-3, 0])
  }

  @Test("an element type is called by its name") func types() {
    let line = Model.fault {
      try Model.program(
        [Proto.node("Cast", ["x"], ["y"], attributes: [Model.int("to", 17)])], inputs: Model.row)
    }
    #expect(line.contains("the element type float8e4m3fn, which is not supported"), "\(line)")
  }

  @Test("dropout of the first opsets trains where nothing is said") func dropout() throws {
    let refused = Model.fault {
      try Model.program([Proto.node("Dropout", ["x"], ["y"])], inputs: Model.row, opset: 6)
    }
    #expect(refused.contains("dropout in training"))
    let tested = Proto.node("Dropout", ["x"], ["y"], attributes: [Model.int("is_test", 1)])
    let program = try Model.program([tested], inputs: Model.row, opset: 6)
    #expect(try Model.run(program, [[3, 4]]) == [3, 4])
  }

  @Test("statistics behind another operator are not trained, shared ones are") func statistics()
    throws
  {
    let nodes = [
      Proto.node("Identity", ["mean"], ["m"]), Proto.node("Mul", ["variance", "variance"], ["v"]),
      Proto.node("BatchNormalization", ["x", "scale", "offset", "m", "v"], ["h"]),
      Proto.node("Add", ["h", "mean"], ["y"]),
    ]
    let names = ["scale", "offset", "mean", "variance"]
    let program = try Model.program(
      nodes, weights: names.map { Model.floats($0, [2], [1, 2]) }, inputs: Model.row)
    #expect(program.parameters.map { $0.isTrainable } == [true, true, true, false])
    #expect(program.notes.contains { $0.contains("used elsewhere too") && $0.contains("“mean”") })
  }

  @Test("windows: rounded up, with equal extents, without padding") func windows() throws {
    func pool(_ attributes: Proto...) throws -> [Double] {
      let program = try Model.program(
        [Proto.node("AveragePool", ["x"], ["y"], attributes: attributes)],
        inputs: [Model.value("x", [-1, 1, 3])])
      return try Model.run(program, [[3, 6, 9]])
    }
    func same(_ mode: String) -> Proto { Proto.attribute("auto_pad", kind: 3).text(4, mode) }
    let (two, counts) = (Self.ints("kernel_shape", 2), Model.int("count_include_pad", 1))
    let ceil = Model.int("ceil_mode", 1)
    // The zero behind the last element counts as one of two.
    #expect(try pool(two, counts, ceil, same("SAME_UPPER")) == [4.5, 7.5, 4.5])
    #expect(try pool(two, counts, same("VALID"), Self.ints("pads", 1, 1)) == [4.5, 7.5])
    // The last window reaches beyond the end, where nothing counts.
    #expect(try pool(two, counts, ceil, Self.ints("strides", 2)) == [4.5, 9])
    let none = Model.fault {
      try Model.program(
        [
          Proto.node(
            "AveragePool", ["x"], ["y"],
            attributes: [Self.ints("kernel_shape", 3), Self.ints("strides", 2), ceil])
        ], inputs: [Model.value("x", [-1, 1, 1])])
    }
    #expect(none.contains("do not fit"))
    let shape = Model.fault {
      try Model.program(
        [
          Proto.node(
            "ConvTranspose", ["x", "w"], ["y"], attributes: [Self.ints("output_shape", 5, 5)])
        ], weights: [Model.floats("w", [1, 1, 2], [1, 1])], inputs: [Model.value("x", [-1, 1, 3])])
    }
    #expect(shape.contains("output_shape"))
  }
}
