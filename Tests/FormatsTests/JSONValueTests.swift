import Formats
import Testing

@Suite("JSON")
struct JSONValueTests {
  private func read(_ text: String) throws -> JSONValue {
    try JSONValue(ByteSource(Array(text.utf8), name: "a.json"))
  }

  private func fault(_ text: String) -> String {
    do {
      _ = try read(text)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test("documents come back as they were, digits and order included")
  func roundTrip() throws {
    let text = #"{"b": [1.50, -0, 2e+3, 18446744073709551615], "a": {"": null}, "c": [], "d": {}}"#
    #expect(try read(text).description == text)
    #expect(try read(read(text).formatted) == read(text))
    #expect(try read(" \n\t[true , false]\r\n").description == "[true, false]")
  }

  @Test("strings with any character")
  func strings() throws {
    let text = "\"\\/\u{08}\u{0c}\n\r\t\u{01}é€𝄞"
    #expect(try read(JSONValue.string(text).description) == .string(text))
    #expect(try read(#""𝄞\/""#).string == "𝄞/")
  }

  @Test("numbers by value")
  func numbers() throws {
    #expect(try read("0.1").double == 0.1)
    #expect(try read("1e999").double == nil)
    #expect(try read("18446744073709551615").integer(UInt64.self) == .max)
    #expect(try read("18446744073709551616").integer(UInt64.self) == nil)
    #expect(try read("1.5").integer(Int.self) == nil)
    #expect(try read("\"1\"").double == nil)
    #expect(JSONValue.number(0.1 as Float).description == "0.1")
    #expect(JSONValue.number(1e-300).double == 1e-300)
    #expect(JSONValue.number(-7).integer(Int8.self) == -7)
  }

  @Test("members by name")
  func members() throws {
    let value = try read(#"{"a": {"b": [1, "x"]}}"#)
    #expect(value["a"]?["b"]?.array?.last?.string == "x")
    #expect(value["b"] == nil)
    #expect(value["a"]?["b"]?["c"] == nil)
  }

  @Test("a member of an object has its line")
  func formatted() throws {
    let value = try read(#"{"a": [1, 2], "b": {"c": "d", "e": [{"f": 1}, {}]}}"#)
    #expect(
      value.formatted == """
        {
          "a": [1, 2],
          "b": {
            "c": "d",
            "e": [
              {
                "f": 1
              },
              {}
            ]
          }
        }

        """)
  }

  @Test(
    "what is no JSON is refused with its byte",
    arguments: [
      ("", 0), ("[", 1), ("{", 1), ("[1,]", 3), ("{\"a\"}", 4), ("{\"a\": 1,}", 8), ("01", 0),
      ("1.", 2), (".5", 0), ("+1", 0), ("1e", 2), ("NaN", 0), ("nul", 0), ("[1] 2", 4),
      ("\"\t\"", 1),
      ("'a'", 0), ("{\"a\": 1, \"a\": 2}", 14), ("\"\\x\"", 2),
    ])
  func refused(_ text: String, _ byte: Int) {
    #expect(fault(text).hasPrefix("a.json: byte \(byte): found"), "\(fault(text))")
  }

  @Test("nesting ends at a limit")
  func depth() throws {
    let nested = { (depth: Int) in
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try read(nested(64))
    #expect(fault(nested(65)).contains("found more nesting, expected at most 64 levels"))
    #expect(fault(String(repeating: "[", count: 1_000_000)).contains("more nesting"))
  }
}
