import Formats
import Testing

/// Files of exporters that write nothing of their arrays, and of one that does.
@Suite("Which arrays of a file are parameters") struct ONNXEvidenceTests {
  typealias Own = ONNXProgramTests

  /// Two layers of two, a number between them, and what is said of them.
  private static func program(
    metadata: [Proto] = [], patterns: NamePatterns = NamePatterns(), known: Set<String> = [],
    trace: String = ""
  ) throws -> ONNXProgram {
    let line = Proto().text(1, "pkg.torch.onnx.fx_node").text(2, trace)
    let nodes = [
      Proto.node("MatMul", ["x", "weight"], ["h"]),
      Proto.node("Mul", ["h", "scale"], ["s"]).message(9, line),
      Proto.node("Add", ["s", "bias"], ["y"]),
    ]
    let weights = [
      Own.weight, Own.floats("scale", [1], [2]), Own.floats("bias", [2], [1, 2]),
    ]
    let graph = Proto().messages(1, nodes).messages(5, weights).messages(11, Own.row)
      .message(12, Proto().text(1, "y")).messages(13, metadata)
    let signature = Proto().text(1, "pkg.torch.export.ExportedProgram.graph_signature")
      .text(2, "\n# inputs\np_weight: PARAMETER target='weight'\np_gain: PARAMETER target='gain'\n")
    let whole = metadata.isEmpty ? graph : graph.message(16, signature)
    return try ONNXProgram(
      ONNXGraph(Proto.model(whole).source), file: "model.onnx", patterns: patterns, known: known)
  }

  private static func kind(_ name: String, _ kind: String) -> Proto {
    let entry = Proto().text(1, "pkg.torch.export.graph_signature.InputSpec.kind").text(2, kind)
    return Proto().text(1, name).message(4, entry)
  }

  private static let kinds = [
    kind("weight", "PARAMETER"), kind("scale", "CONSTANT_TENSOR"), kind("bias", "BUFFER"),
  ]

  private static func trained(_ program: ONNXProgram) -> [String] {
    program.parameters.filter(\.isTrainable).map(\.name)
  }

  @Test("a single number of arithmetic is a constant, which is said") func numbers() throws {
    let program = try Self.program()
    #expect(Self.trained(program) == ["weight", "bias"])
    #expect(program.notes.contains { $0.contains("“scale”") && $0.contains("--parameters") })
  }

  @Test("a checkpoint that has it makes it a parameter, and so does a person") func known() throws {
    #expect(Self.trained(try Self.program(known: ["scale"])) == ["weight", "scale", "bias"])
    let named = try Self.program(patterns: NamePatterns(parameters: ["scale", "weight"]))
    #expect(Self.trained(named) == ["weight", "scale"])
    #expect(named.parameters.map(\.role) == [.parameter(.named), .parameter(.named), .frozen])
  }

  @Test("what the exporter wrote goes before what the arrays look like") func declared() throws {
    let program = try Self.program(metadata: Self.kinds)
    #expect(Self.trained(program) == ["weight"])
    #expect(program.parameters.map(\.role) == [.parameter(.declared), .buffer])
    #expect(program.notes.contains { $0.contains("“gain”") }, "a parameter that nothing reads")
    // An operator that was made to read it makes it a lost one.
    let lost = Own.fault {
      try Self.program(
        metadata: Self.kinds,
        trace: "%mul : [num_users=1] = call_function[target=torch.ops.aten.mul.Tensor]"
          + "(args = (%h, %p_gain), kwargs = {})")
    }
    #expect(lost.contains("no array for “gain”") && lost.contains("optimize=False"), "\(lost)")
    let allowed = try Self.program(
      metadata: Self.kinds, patterns: NamePatterns(constants: ["gain"]),
      trace: "%mul : [] = call_function[target=torch.ops.aten.mul.Tensor](args = (%h, %p_gain),)")
    #expect(Self.trained(allowed) == ["weight"])
  }

  @Test("a pattern of many turns on what may be a parameter, a name whatever it names")
  func patterns() throws {
    let all = NamePatterns(parameters: ["*"])
    #expect(Self.trained(try Self.program(metadata: Self.kinds, patterns: all)) == ["weight"])
    #expect(Self.trained(try Self.program(patterns: all)) == ["weight", "scale", "bias"])
    let named = NamePatterns(parameters: ["*", "bias"])
    #expect(
      Self.trained(try Self.program(metadata: Self.kinds, patterns: named)) == ["weight", "bias"])
  }

  @Test("a loop is written out where its rounds are known") func loops() throws {
    let body = Proto.graph(
      nodes: [
        Proto.node("Mul", ["before", "factor"], ["after"]),
        Proto.node("Identity", ["goes"], ["on"]),
      ], inputs: ["round", "goes", "before"], outputs: ["on", "after"])
    func program(_ rounds: String) throws -> ONNXProgram {
      let loop = Proto.node(
        "Loop", [rounds, "", "x"], ["y"],
        attributes: [Proto.attribute("body", kind: 5).message(6, body)])
      return try Own.program(
        [Proto.node("Identity", ["weight"], ["factor"]), loop],
        weights: [Own.floats("weight", [2], [2, 3]), Own.integers("three", [3])], inputs: Own.row)
    }
    #expect(try Own.run(try program("three"), [[1, 1]]) == [8, 27])
    let fault = Own.fault { try program("x") }
    #expect(fault.contains("depends on the data"), "\(fault)")
  }
}
