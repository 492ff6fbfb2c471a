import Formats
import TensorCore
import Testing

@Suite("tables of numbers")
struct CSVTests {
  static func table(_ text: String, name: String = "t.csv") throws(FormatError) -> CSV.Table {
    try CSV.read(ByteSource(Array(text.utf8), name: name))
  }

  @Test("line ends, quotation marks, a byte order mark and spaces make no difference")
  func dialects() throws {
    for text in [
      "a,b\n1,2.5\n-3,4e2\n", "a,b\r\n1,2.5\r\n-3,4e2", "\u{feff}a,b\r1,2.5\r-3,4e2\r",
      "\"a\",\"b\"\n\"1\",2.5\n -3 ,\"4E+2\"\n\n\r\n", "a,b\n+1,02.50\n-3.,400\n",
    ] {
      let table = try CSVTests.table(text)
      #expect(table.columns == ["a", "b"])
      #expect(table.values == Tensor(rows: [[1, 2.5], [-3, 400]]))
    }
  }

  @Test("names may hold delimiters, quotation marks and line ends") func names() throws {
    let table = try CSVTests.table("\"x, \"\"y\"\"\nz\",é\n1,2")
    #expect(table.columns == ["x, \"y\"\nz", "é"])
    #expect(table.values == Tensor(rows: [[1, 2]]))
  }

  @Test("the delimiter follows the name of the file or the caller") func delimiters() throws {
    #expect(try CSVTests.table("a\tb\n1\t2", name: "T.TSV").values == Tensor(rows: [[1, 2]]))
    let source = ByteSource(Array("a;b\n1;2".utf8), name: "t.csv")
    #expect(try CSV.read(source, delimiter: ";").values == Tensor(rows: [[1, 2]]))
  }

  @Test("a header alone is a table without rows") func noRows() throws {
    #expect(try CSVTests.table("a,b,c\n").values == Tensor([0, 3], []))
  }

  @Test("what a `Double` prints comes back to the bit, the short way and the long") func exact()
    throws
  {
    var generator = SplitMix(state: 3)
    var values = (0..<300).map { _ in Double(bitPattern: generator.next()) }.filter(\.isFinite)
    values += (0..<300).map { _ in Double(Int.random(in: -99999...99999, using: &generator)) / 1000
    }
    values += [
      0.1, 123456789.012345, 0.000000000000001, 99999999999999.9, 1e22, .leastNonzeroMagnitude,
    ]
    let lines = values.map { "\($0)" }.joined(separator: "\n")
    let read = try CSVTests.table("x\n\(lines)").values.scalars
    #expect(read.map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test("NaN and infinity are words") func words() throws {
    let values = try CSVTests.table("a,b,c\nNaN,inf,-Infinity").values.scalars
    #expect(values[0].isNaN)
    #expect(values.dropFirst() == [.infinity, -.infinity])
  }

  @Test("errors name line and column") func errors() throws {
    for (text, line, column) in [
      ("a,b\n1,2\n3,x\n", 3, 2), ("a,b\n1\n", 2, 1), ("a,b\n1,2,3\n", 2, 2), ("a,b\n,2\n", 2, 1),
      ("a,b\n1,2\n\n3,4\n", 3, 1), ("a\n\"1\n", 2, 1), ("a\n\"1\"x\n", 2, 1), ("1,2\n3,4\n", 1, 1),
      ("a\n1e999\n", 2, 1), ("a\n0x10\n", 2, 1), ("a\n1_000\n", 2, 1), ("a\n--1\n", 2, 1),
      ("a\n.\n", 2, 1), ("a\n1 2\n", 2, 1), ("a\n1\u{0}\n", 2, 1), ("a\n٣\n", 2, 1), ("", 1, 1),
      ("\n\n", 1, 1), ("\"a\nb\",c\n1,2\n3,y", 4, 2),
    ] {
      let error = #expect(throws: FormatError.self, "\(text)") { try CSVTests.table(text) }
      #expect(error?.place == .line(line, column: column), "\(text)")
      #expect(error?.kind == .malformed)
    }
    let error = #expect(throws: FormatError.self) { try CSVTests.table("a,b\n1,\u{1b}[31m") }
    #expect(
      error?.description == "t.csv: line 2, column 2: found “\\u{1b}[31m”, expected a number")
  }

  @Test("a first line of numbers is refused with both of its readings, a count of columns is one")
  func numbersAbove() throws {
    let error = #expect(throws: FormatError.self) { try CSVTests.table("0.5,1\n2,3\n") }
    #expect(
      error?.description
        == "t.csv: line 1, column 1: found the number “0.5”, expected a column name; "
        + "put a line of column names before it if it is data, or in its place if it numbers the "
        + "columns")
    let counted = try CSVTests.table("0,1,2\n0.5,2,3\n")
    #expect(counted.columns == ["0", "1", "2"] && counted.values == Tensor(rows: [[0.5, 2, 3]]))
    // Who asks for one array cannot know which is meant.
    let source = ByteSource(Array("0,1,2\n3,4,5\n".utf8), name: "b.csv")
    let both = #expect(throws: FormatError.self) { try StoredArray.read(source) }
    #expect(both?.found == "the numbers “0” to “2”")
    #expect(both?.remedy.contains("in its place") == true)
    #expect(both?.remedy.contains("before it") == true)
  }

  @Test("a first column that numbers the rows without a name is refused") func index() throws {
    let error = #expect(throws: FormatError.self) { try CSVTests.table(",a,b\n0,5,6\n1,7,8\n") }
    #expect(error?.place == .line(1, column: 1))
    #expect(error?.remedy.contains("index=False") == true)
    #expect(try CSVTests.table(",a\n1,5\n0,7\n").values.shape == [2, 2])
    #expect(try CSVTests.table("id,a\n0,5\n1,7\n").values.shape == [2, 2])
  }

  @Test("an empty field says what can be done, a fraction where it stands") func remedies() throws {
    let error = #expect(throws: FormatError.self) { try CSVTests.table("a,b\n1,\n") }
    #expect(error?.remedy == "fill it in, or leave the line out")
    for (text, remedy) in [
      ("a,b\n1,NA\n", "fill it in"), ("a,b\n1, null \n", "fill it in"),
      ("a;b\n1;2\n", "put commas"),
      ("a\tb\n1\t2\n", "put commas"),
    ] {
      let error = #expect(throws: FormatError.self) { try CSVTests.table(text) }
      #expect(error?.remedy.hasPrefix(remedy) == true, "\(text)")
    }
    let source = ByteSource(Array("\"a\nb\",c\n1,2\n3,4.5\n".utf8), name: "y.csv")
    let fraction = #expect(throws: FormatError.self) { try StoredArray.read(source).integers() }
    #expect(
      fraction?.description == "y.csv: line 4, column 2: found 4.5, expected a whole number")
  }

  @Test("bytes that are not UTF-8 and UTF-16 are refused") func encodings() {
    for bytes: [UInt8] in [
      [0xff, 0xfe, 0x61, 0], [0x61, 0xff, 0x0a, 0x31], [0x61, 0, 0x0a, 0x31],
    ] {
      #expect(throws: FormatError.self) { try CSV.read(ByteSource(bytes, name: "t.csv")) }
    }
  }
}
