import Autodiff
import Formats
import TensorCore
import Testing

@Suite("A hostile model of ONNX is refused in one line")
struct ONNXBoundsTests {
  typealias Model = ONNXProgramTests

  static func expectRefusal(
    _ words: String, _ make: () throws -> ONNXProgram,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let line = Model.fault(make)
    #expect(line.contains(words), "\(line)", sourceLocation: sourceLocation)
    #expect(line.count < 1000 && !line.contains("\n"), sourceLocation: sourceLocation)
  }

  @Test(
    "an input of endless extents",
    arguments: [[-1, .max], [-1, 0, .max], [-1, 1 << 29]] as [[Int64]])
  func inputs(extents: [Int64]) {
    Self.expectRefusal("at most 268435456 elements") {
      try Model.program(
        [Proto.node("Relu", ["x"], ["y"])], inputs: [Model.value("x", extents)])
    }
  }

  @Test("an endless axis beside one of no elements") func empty() throws {
    let slice = [
      Proto.node("Slice", ["w", "s", "e"], ["h"]), Proto.node("Add", ["x", "h"], ["y"]),
    ]
    Self.expectRefusal("without elements") {
      try Model.program(
        slice,
        weights: [
          Proto.tensor("w", [0, .max], raw: []), Model.integers("s", [0]), Model.integers("e", [1]),
        ], inputs: Model.row)
    }
    Self.expectRefusal("an array of extents [0, 9223372036854775807]") {
      try Model.program(
        [
          Proto.node("Reshape", ["w", "to"], ["h"], attributes: [Model.int("allowzero", 1)]),
          Proto.node("Add", ["x", "h"], ["y"]),
        ],
        weights: [Proto.tensor("w", [0], raw: []), Model.integers("to", [0, .max])],
        inputs: Model.row)
    }
  }

  @Test("places along a long axis") func places() {
    for attributes in [[], [Model.int("select_last_index", 1)]] {
      Self.expectRefusal("known before there are data") {
        try Model.program(
          [Proto.node("ArgMax", ["x"], ["y"], attributes: [Model.int("axis", 1)] + attributes)],
          inputs: [Model.value("x", [-1, 1 << 27])])
      }
    }
  }

  @Test("more pieces than outputs") func pieces() {
    Self.expectRefusal("134217728 pieces for 1 outputs") {
      try Model.program(
        [
          Proto.node(
            "Split", ["x"], ["y"],
            attributes: [Model.int("axis", 1), Model.int("num_outputs", 1 << 27)])
        ], inputs: [Model.value("x", [-1, 1 << 27])])
    }
    Self.expectRefusal("a sequence of") {
      try Model.program(
        [
          Proto.node("SplitToSequence", ["x"], ["s"], attributes: [Model.int("axis", 1)]),
          Proto.node("ConcatFromSequence", ["s"], ["y"], attributes: [Model.int("axis", 1)]),
        ], inputs: [Model.value("x", [-1, 1 << 27])])
    }
  }

  @Test("many constants, each of them small enough") func constants() {
    let names = (0..<5).map { "c\($0)" }
    Self.expectRefusal("all together") {
      try Model.program(
        names.map { Proto.node("ConstantOfShape", ["square"], [$0]) }
          + [Proto.node("Sum", ["x"] + names, ["y"])],
        weights: [Model.integers("square", [1 << 12, 1 << 12])],
        inputs: [Model.value("x", [-1, 1])])
    }
  }
}
