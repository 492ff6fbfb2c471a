import Formats
import TensorCore
import Testing

@Suite("items as lines of JSON")
struct JSONLinesTests {
  static func table(_ text: String) throws(FormatError) -> ItemTable {
    try ItemTable(ByteSource(Array(text.utf8), name: "items.jsonl"))
  }

  @Test("numbers, lists and texts arrive under their names") func values() throws {
    let table = try JSONLinesTests.table(
      """
      {"x": [[1, 2.5], [-3e2, 0]], "y": 3, "id": "a", "group": "\\u00e9", "none": []}
      {"y": -7, "group": "b", "id": "", "none": [ ], "x": [ [4,5] , [6,7] ]}\r

      """)
    #expect(table.arrays.map(\.name) == ["x", "y", "none"])
    #expect(table["x"]?.shape == [2, 2, 2])
    #expect(table["x"]?.elementType == .float64)
    #expect(try table["x"]?.tensor() == Tensor<Double>([2, 2, 2], [1, 2.5, -300, 0, 4, 5, 6, 7]))
    #expect(table["y"]?.elementType == .int64)
    #expect(try table["y"]?.integers() == [3, -7])
    #expect(table["none"]?.shape == [2, 0])
    #expect(table.texts("id") == ["a", ""])
    #expect(table.texts("group") == ["é", "b"])
    #expect(table["id"] == nil && table.texts("y") == nil)
  }

  @Test("numbers are whole as long as all are written so and exact") func wholeNumbers() throws {
    for (numbers, type) in [
      (["1", "-2"], ElementType.int64), (["1", "2.0"], .float64), (["1e1", "2"], .float64),
      (["9007199254740991", "0"], .int64), (["9007199254740993", "0"], .float64),
    ] {
      let text = numbers.map { "{\"y\": \($0)}\n" }.joined()
      #expect(try JSONLinesTests.table(text)["y"]?.elementType == type)
    }
  }

  @Test("a byte order mark and a missing last line end make no difference") func ends() throws {
    #expect(try JSONLinesTests.table("\u{feff}{\"y\":1}\n{\"y\":2}")["y"]?.shape == [2])
  }

  /// A text, the line and the byte at fault.
  static let faults: [(text: String, line: Int, column: Int)] = [
    ("{\"y\": 1}\n{\"y\": }\n", 2, 7), ("{\"y\": 1}\n\n{\"y\": 1}\n", 2, 1),
    ("{\"y\": 1, \"y\": 2}\n", 1, 15), ("{\"y\": 01}\n", 1, 7), ("{\"y\": +1}\n", 1, 7),
    ("{\"y\": .5}\n", 1, 7), ("{\"y\": 5.}\n", 1, 7), ("{\"y\": 1e}\n", 1, 7),
    ("{\"y\": 1-1}\n", 1, 7), ("{\"y\": [1,]}\n", 1, 10), ("{\"y\": nil}\n", 1, 7),
    ("{\"y\": 1} {\"y\": 1}\n", 1, 10), ("[1]\n", 1, 1), ("{\"y\": 1\n}\n", 1, 8),
    ("{\"y\": \"a\nb\"}\n", 1, 9), ("{\"y\": [1\n", 1, 9),
  ]

  @Test("what is no object in a line is refused with line and byte", arguments: faults.indices)
  func refusal(index: Int) {
    let (text, line, column) = JSONLinesTests.faults[index]
    let error = #expect(throws: FormatError.self, "\(text)") { try JSONLinesTests.table(text) }
    #expect(error?.place == .line(line, column: column), "\(text)")
    #expect(error?.kind == .malformed)
  }

  /// The values of a name in two lines, and the line and the byte at fault; none at all where empty.
  static let unreadable: [(values: [String], line: Int, column: Int)] = [
    (["1", ""], 2, 11), (["", "1"], 2, 17), (["1", "[1]"], 2, 17), (["[1]", "1"], 2, 17),
    (["[1, 2]", "[1, 2, 3]"], 2, 17), (["[1, 2]", "[1]"], 2, 17), (["[[1], [2, 3]]"], 1, 23),
    (["[1, [2]]"], 1, 21), (["[[1], 2]"], 1, 23), (["[[], [[]]]"], 1, 23), (["\"a\"", "1"], 2, 17),
    (["1", "\"a\""], 2, 17), (["NaN"], 1, 17), (["[0, NaN]"], 1, 21), (["-Infinity"], 1, 17),
    (["null"], 1, 17), (["1", "null"], 2, 17), (["\"a\"", "null"], 2, 17), (["true"], 1, 17),
    (["{\"z\": [1, {}]}"], 1, 17), (["[\"a\", \"b\"]"], 1, 18), (["1e999"], 1, 17),
  ]

  @Test(
    "a member that is no number or text in some line does not spoil the others",
    arguments: unreadable.indices)
  func otherMembers(index: Int) throws {
    let (values, line, column) = JSONLinesTests.unreadable[index]
    let lines = values.enumerated().map { number, value in
      value.isEmpty ? "{\"x\": [\(number)]}" : "{\"x\": [\(number)], \"y\": \(value)}"
    }
    let table = try JSONLinesTests.table(lines.joined(separator: "\n"))
    #expect(try table.array("x")?.integers() == values.indices.map { Int64($0) })
    #expect(table["y"] == nil && table.texts("y") == nil)
    let error = #expect(throws: FormatError.self) { try table.array("y") }
    #expect(error?.place == .line(line, column: column), "\(values): \(error?.description ?? "")")
  }

  @Test("what is found is named, and what to do") func words() throws {
    for (value, found, remedy) in [
      ("null", "null", "fill it in, or leave the line out"),
      ("NaN", "NaN", "fill it in, or leave the line out"), ("true", "true", "write 1 or 0"),
      ("{\"a\": 1}", "an object", ""),
    ] {
      let table = try JSONLinesTests.table("{\"y\": \(value)}\n")
      let error = #expect(throws: FormatError.self) { try table.array("y") }
      #expect(error?.found == found && error?.remedy == remedy)
    }
    let table = try JSONLinesTests.table("{\"y\": 1}\n{\"y\": 0.5}\n")
    let error = #expect(throws: FormatError.self) { try table["y"]?.integers() }
    #expect(
      error?.description == "items.jsonl: line 2: found 0.5, expected a whole number")
  }

  @Test("names without end are refused, and a thousand that come and go take no square of time")
  func names() throws {
    let many = "{" + (0...100_000).map { "\"\($0)\":1" }.joined(separator: ",") + "}"
    let error = #expect(throws: FormatError.self) { try JSONLinesTests.table(many) }
    #expect(error?.found == "more names")
    let first = "{" + (0..<1_000).map { "\"\($0)\":1" }.joined(separator: ",") + "}\n"
    let table = try JSONLinesTests.table(first + String(repeating: "{\"x\": 0}\n", count: 2_000))
    #expect(table.arrays.isEmpty && table.unreadable.count == 1_001)
  }

  @Test("a file without lines is refused") func nothing() {
    for text in ["", "\n \r\n", "\u{feff}"] {
      #expect(throws: FormatError.self) { try JSONLinesTests.table(text) }
    }
  }

  @Test("nesting ends at a limit, and so do lines") func limits() throws {
    func nested(_ depth: Int) -> String {
      "{\"x\": " + String(repeating: "[", count: depth) + "1"
        + String(repeating: "]", count: depth) + "}\n"
    }
    #expect(try JSONLinesTests.table(nested(63))["x"]?.shape.rank == 64)
    for depth in [64, 100_000] {
      let error = #expect(throws: FormatError.self) {
        try JSONLinesTests.table(nested(depth)).array("x")
      }
      #expect(error?.found == "more nesting")
    }
    let long = "{\"x\": \"" + String(repeating: "a", count: 1 << 24) + "\"}\n"
    let error = #expect(throws: FormatError.self) { try JSONLinesTests.table(long) }
    #expect(error?.found == "a longer line")
  }

  @Test("thousands of names are no trouble") func manyNames() throws {
    let line = "{" + (0..<5000).map { "\"n\($0)\": \($0)" }.joined(separator: ",") + "}\n"
    #expect(try JSONLinesTests.table(line + line).arrays.count == 5000)
  }
}
