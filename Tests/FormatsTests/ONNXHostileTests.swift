import Formats
import Foundation
import TensorCore
import Testing

@Suite("damaged and hostile models")
struct ONNXHostileTests {
  /// Reads a model and all its arrays; a fault must come as one line.
  static func fault(in source: ByteSource) -> FormatError? {
    do throws(FormatError) {
      for entry in try ONNXGraph(source).initializers {
        _ = try entry.array.tensor(as: Double.self)
      }
      return nil
    } catch {
      #expect(!error.description.contains("\n"))
      #expect(error.description.count < 600)
      return error
    }
  }

  static func bytes(of name: String) throws -> [UInt8] {
    goldenBytes(try #require(ONNXGolden.all.first { $0.name == name }).text)
  }

  @Test("cut short anywhere, a model is refused", arguments: ONNXGolden.all.map(\.name))
  func truncation(name: String) throws {
    let bytes = try ONNXHostileTests.bytes(of: name)
    #expect(ONNXHostileTests.fault(in: ByteSource(bytes, name: "model.onnx")) == nil)
    for count in 0..<bytes.count {
      let source = ByteSource(Array(bytes[..<count]), name: "model.onnx")
      let error = ONNXHostileTests.fault(in: source)
      #expect(error?.kind == .malformed, "the first \(count) bytes were accepted")
    }
  }

  @Test(
    "with any bit flipped, a model is read or refused, and the program goes on",
    arguments: ONNXGolden.all.map(\.name))
  func bitFlips(name: String) throws {
    var bytes = try ONNXHostileTests.bytes(of: name)
    for bit in 0..<bytes.count * 8 {
      bytes[bit / 8] ^= 1 << (bit % 8)
      if let error = ONNXHostileTests.fault(in: ByteSource(bytes, name: "model.onnx")) {
        #expect(error.kind == .malformed)
      }
      bytes[bit / 8] ^= 1 << (bit % 8)
    }
  }

  @Test("random bytes are refused") func randomBytes() {
    var generator = SplitMix(state: 8)
    for start in [[], [0x08, 0x09, 0x3a, 100], [0x08, 0x09, 0x3a, 100, 0x0a, 90]] as [[UInt8]] {
      for _ in 0..<300 {
        let noise = (0..<120).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let error = ONNXHostileTests.fault(in: ByteSource(start + noise, name: "noise.onnx"))
        #expect(error?.kind == .malformed)
      }
    }
  }

  /// What is wrong, and a part of the line that says so.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let model: Proto
    let words: String

    init(_ description: String, _ model: Proto, _ words: String) {
      (testDescription, self.model, self.words) = (description, model, words)
    }
  }

  static let structure: [Case] = [
    Case("an empty file", Proto(), "no graph"),
    Case("two graphs", Proto().message(7, .graph()).message(7, .graph()), "2 graphs"),
    Case("a graph that is a number", Proto().int(7, 1), "a number in field 7"),
    Case("no version", Proto().message(7, .graph()), "found no version"),
    Case("too old a version", .model(.graph(), opset: 5), "found version 5"),
    Case("too new a version", .model(.graph(), opset: 29), "expected 6 to 28"),
    Case(
      "a version below zero", .model(.graph(), opset: .min), "found version -9223372036854775808"),
    Case(
      "two versions", Proto.model(.graph()).message(8, Proto().int(2, 21).text(1, "ai.onnx")),
      "found the versions 20 and 21"),
    Case("a group", Proto(bytes: [0x3b, 0x3c]), "byte 0: found the tag 59"),
    Case("a field of number zero", Proto(bytes: [0x02, 0]), "byte 0: found the tag 2"),
    Case(
      "a number of 11 bytes", Proto(bytes: [8] + [UInt8](repeating: 0xff, count: 11)),
      "byte 1: found a number of more than 10 bytes"),
    Case(
      "a field of 2^63 bytes", Proto(bytes: [0x3a] + Proto.varint(1 << 63)),
      "byte 0: found a field of 9223372036854775808 bytes, expected at most 0"),
    Case(
      "a field beyond the message that holds it",
      Proto.model(Proto(bytes: [0x0a, 3, 0x22, 5, 0x41])).text(2, "behind"),
      "byte 6: found a field of 5 bytes, expected at most 1"),
    Case("a sparse weight", .model(Proto().message(15, Proto())), "a sparse weight"),
  ]

  static let values: [Case] = [
    Case(
      "a value that nothing makes", .model(nodes: [.node("Neg", ["x"], ["y"])]),
      "“x” for an operator “Neg”, which nothing before it makes"),
    Case(
      "a value before it is made",
      .model(nodes: [.node("Neg", ["a"], ["b"]), .node("Abs", ["x"], ["a"])], inputs: ["x"]),
      "“a” for an operator “Neg”, which nothing before it makes"),
    Case(
      "a cycle", .model(nodes: [.node("Neg", ["a"], ["b"]), .node("Neg", ["b"], ["a"])]),
      "which nothing before it makes"),
    Case("an operator that reads itself", .model(nodes: [.node("Neg", ["a"], ["a"])]), "“a” for"),
    Case("an output that nothing makes", .model(outputs: ["y"]), "“y” for the graph's outputs"),
    Case("an output without a name", .model(outputs: [""]), "“” for the graph's outputs"),
    Case(
      "a value made twice",
      .model(nodes: [.node("Neg", ["x"], ["y"]), .node("Abs", ["x"], ["y"])], inputs: ["x"]),
      "the name “y” again"),
    Case(
      "an input made again", .model(nodes: [.node("Neg", ["x"], ["x"])], inputs: ["x"]),
      "the name “x” again"),
    Case("an input twice", .model(inputs: ["x", "x"]), "the name “x” again"),
    Case(
      "a weight twice",
      .model(weights: [.tensor("w", [0], raw: []), .tensor("w", [0], raw: [])]),
      "the name “w” again"),
    Case("a weight without a name", .model(weights: [.tensor("", [0])]), "without a name"),
    Case(
      "a name that would speak to the terminal",
      .model(nodes: [.node("\u{1b}[2J\n", ["x"], [])]), "“\\u{1b}[2J\\u{a}”"),
    Case(
      "texts that an operator reads",
      .model(nodes: [.node("Neg", ["w"], ["y"])], weights: [.tensor("w", [1], kind: 8)]),
      "“w”, of type text, for an operator “Neg”"),
    Case(
      "an input of texts that an operator reads",
      .model(
        Proto.graph(nodes: [.node("Neg", ["x"], ["y"])]).message(
          11, Proto().text(1, "x").message(2, Proto().message(1, Proto().int(1, 8))))),
      "“x”, of type text, for an operator “Neg”"),
    Case(
      "an input of negative extent",
      .model(
        Proto().message(
          11,
          Proto().text(1, "x").message(
            2,
            Proto().message(
              1, Proto().int(1, 1).message(2, Proto().message(1, Proto().int(1, -2))))))),
      "an axis of extent -2"),
    Case(
      "a sequence",
      .model(Proto().message(11, Proto().text(1, "x").message(2, Proto().message(4, Proto())))),
      "a sequence as the type of “x”"),
    Case(
      "65 axes",
      .model(
        Proto().message(
          11,
          Proto().text(1, "x").message(
            2,
            Proto().message(
              1, Proto().message(2, Proto().messages(1, (0..<65).map { _ in Proto() })))))),
      "65 axes"),
    Case("an operator without a type", .model(nodes: [.node("", [], [])]), "without a type"),
  ]

  static let tensors: [Case] = [
    Case("a negative extent", .model(weights: [.tensor("w", [-1])]), "the shape [-1]"),
    Case(
      "more elements than can be counted", .model(weights: [.tensor("w", [1 << 62, 4])]),
      "the shape [4611686018427387904, 4]"),
    Case(
      "so many that their bytes cannot be counted", .model(weights: [.tensor("w", [1 << 61])]),
      "less than 2^63 bytes"),
    Case(
      "more than can be counted beside an axis of extent 0",
      .model(weights: [.tensor("w", [0, 1 << 62, 4])]), "less than 2^63 bytes"),
    Case(
      "65 axes", .model(weights: [.tensor("w", [Int64](repeating: 1, count: 65))]),
      "at most 64 axes"),
    Case(
      "a vast shape without elements", .model(weights: [.tensor("w", [1 << 40])]),
      "0 of 0 elements in float_data"),
    Case(
      "a vast shape with few elements", .model(weights: [.tensor("w", [1 << 40], raw: [0])]),
      "1 bytes of elements in the array “w”, expected 4398046511104"),
    Case(
      "raw elements and typed ones",
      .model(weights: [Proto.tensor("w", [1], raw: [0, 0, 0, 0]).bytes(4, [0, 0, 0, 0])]),
      "elements in two fields"),
    Case(
      "raw elements twice",
      .model(weights: [Proto.tensor("w", [1], raw: [0, 0, 0, 0]).bytes(9, [0, 0, 0, 0])]),
      "raw_data twice"),
    Case(
      "elements in the field of another type",
      .model(weights: [Proto.tensor("w", [1]).int(5, 1)]), "0 of 1 elements in float_data"),
    Case(
      "a number that does not fit", .model(weights: [Proto.tensor("w", [1], kind: 3).int(5, 128)]),
      "too large for int8"),
    Case(
      "elements of a half number", .model(weights: [Proto.tensor("w", [1]).bytes(4, [1, 2, 3])]),
      "a TensorProto that does not decode"),
    Case(
      "texts as elements of floats", .model(weights: [Proto.tensor("w", [1]).text(6, "a")]),
      "texts in the array “w”"),
    Case(
      "a segment", .model(weights: [Proto.tensor("w", [0]).message(3, Proto())]), "a segment"),
    Case(
      "elements nowhere known", .model(weights: [Proto.tensor("w", [1]).int(14, 2)]),
      "the data location 2"),
    Case(
      "a name that is not UTF-8", .model(weights: [Proto.tensor("w", [0]).bytes(8, [0xff])]),
      "a text is not UTF-8"),
  ]

  static func attributed(_ attributes: Proto...) -> Proto {
    .model(nodes: [.node("Own", [], ["y"], attributes: attributes)])
  }

  static let attributes: [Case] = [
    Case("no kind", attributed(.attribute("a", kind: 0)), "the kind 0 in the attribute “a”"),
    Case("an unknown kind", attributed(.attribute("a", kind: 99)), "the kind 99"),
    Case("several tensors", attributed(.attribute("a", kind: 9)), "several tensors or graphs"),
    Case("a tensor that is not there", attributed(.attribute("a", kind: 4)), "no value"),
    Case("a graph that is not there", attributed(.attribute("a", kind: 5)), "no value"),
    Case(
      "a value of another kind", attributed(Proto.attribute("a", kind: 2).text(4, "s")),
      "several values"),
    Case(
      "two tensors",
      attributed(
        Proto.attribute("a", kind: 4).message(5, .tensor("", [0])).message(5, .tensor("", [0]))),
      "several values"),
    Case(
      "texts in a tensor",
      attributed(Proto.attribute("a", kind: 4).message(5, .tensor("", [1], kind: 8))),
      "elements of type text"),
    Case(
      "a text that is not UTF-8", attributed(Proto.attribute("a", kind: 3).bytes(4, [0xc3])),
      "not UTF-8"),
    Case(
      "an attribute twice",
      attributed(.attribute("a", kind: 2), .attribute("a", kind: 2)), "the attribute “a” again"),
    Case(
      "an attribute of a function", attributed(Proto.attribute("a", kind: 2).text(21, "b")),
      "a reference to a function's attribute"),
    Case(
      "a name that is used around the branch as well",
      .model(
        nodes: [
          .node(
            "If", ["x"], ["y"],
            attributes: [
              Proto.attribute("a", kind: 5).message(
                6, .graph(nodes: [.node("Neg", ["x"], ["x"])]))
            ])
        ], inputs: ["x"]), "the name “x” again"),
  ]

  @Test("each fault has its line", arguments: structure + values + tensors + attributes)
  func fault(_ hostile: Case) {
    let error = ONNXHostileTests.fault(in: hostile.model.source)
    #expect(error?.kind == .malformed)
    #expect(error?.description.contains(hostile.words) == true, "\(error?.description ?? "none")")
  }

  @Test("a value of one branch is not seen in the next") func branchScope() {
    func branch(_ name: String, reading input: String) -> Proto {
      Proto.attribute(name, kind: 5).message(6, .graph(nodes: [.node("Neg", [input], ["n"])]))
    }
    func model(_ input: String) -> Proto {
      let branches = [branch("a", reading: "x"), branch("b", reading: input)]
      return .model(nodes: [.node("If", ["x"], ["y"], attributes: branches)], inputs: ["x"])
    }
    #expect(ONNXHostileTests.fault(in: model("x").source) == nil)
    let error = ONNXHostileTests.fault(in: model("n").source)
    #expect(error?.found.contains("“n” for an operator “Neg”") == true)
  }

  @Test("a model's own functions are refused with the line that puts them in place")
  func function() {
    let error = ONNXHostileTests.fault(
      in: ByteSource(golden: ONNXGolden.function, name: "model.onnx"))
    #expect(error?.remedy.contains("inline_local_functions") == true)
  }

  @Test("graphs in one another have an end") func nesting() {
    func nested(_ depth: Int) -> Proto {
      var graph = Proto.graph()
      for level in 1..<depth {
        let attribute = Proto.attribute("body", kind: 5).message(6, graph)
        graph = .graph(nodes: [.node("Loop", [], ["y\(level)"], attributes: [attribute])])
      }
      return .model(graph)
    }
    #expect(ONNXHostileTests.fault(in: nested(16).source) == nil)
    for depth in [17, 1000] {
      let error = ONNXHostileTests.fault(in: nested(depth).source)
      #expect(error?.found == "17 graphs in one another")
    }
  }

  @Test("what a small file can make the reader hold is bounded") func manyFields() {
    // Four mebibytes of operators without any content.
    let graph = [UInt8](repeating: 0, count: 1 << 22 + 2).indices.map {
      $0 % 2 == 0 ? 0x0a : 0 as UInt8
    }
    let error = ONNXHostileTests.fault(in: Proto.model(Proto(bytes: graph)).source)
    #expect(error?.found == "more than 2097152 fields")
  }

  @Test("vast files do not exhaust the memory") func vastFiles() throws {
    let folder = try TemporaryFolder()
    func vast(_ name: String, _ start: [UInt8], _ size: UInt64) throws -> FormatError? {
      try AtomicFile.write(start, to: folder(name))
      let file = try #require(FileHandle(forWritingAtPath: folder(name)))
      try file.truncate(atOffset: size)
      return ONNXHostileTests.fault(in: try ByteSource(path: folder(name)))
    }
    let long = try vast("long.onnx", [], 1 << 31 + 1)
    #expect(long?.found == "2147483649 bytes")
    // A producer's name of a gibibyte.
    let wordy = try vast(
      "wordy.onnx", [0x12] + Proto.varint(1 << 30), 1 << 30 + 6)
    #expect(wordy?.found.contains("bytes outside of raw_data") == true)
    // An input described by a mebibyte.
    let value = Proto().messages(11, [Proto(bytes: [UInt8](repeating: 0, count: 1 << 20 + 1))])
    let described = ONNXHostileTests.fault(in: Proto.model(value).source)
    #expect(described?.found == "an input or output described by 1048577 bytes")
    // A weight of a gibibyte stays on disk.
    let raw = Proto.tensor("w", [1 << 28]).bytes + [0x4a] + Proto.varint(1 << 30)
    let tensor = [0x2a] + Proto.varint(UInt64(raw.count) + 1 << 30) + raw
    let graph = [0x3a] + Proto.varint(UInt64(tensor.count) + 1 << 30) + tensor
    let version = Proto().message(8, Proto().int(2, 20)).bytes
    try AtomicFile.write(version + graph, to: folder("large.onnx"))
    let file = try #require(FileHandle(forWritingAtPath: folder("large.onnx")))
    try file.truncate(atOffset: UInt64(version.count + graph.count) + 1 << 30)
    let large = try ONNXGraph(path: folder("large.onnx")).initializers
    #expect(large.map(\.array.byteCount) == [1 << 30])
  }
}
