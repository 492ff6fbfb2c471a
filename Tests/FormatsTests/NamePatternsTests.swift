import Formats
import Testing

@Suite("Names and patterns of names") struct NamePatternsTests {
  @Test(
    "a star is any text and a question mark one character",
    arguments: [
      ("0.*", "0.weight", true), ("0.*", "10.weight", false), ("*.bias", "a.b.bias", true),
      ("?.bias", "a.b.bias", false), ("*", "", true), ("?", "", false), ("a*b*c", "axxbyyc", true),
      ("a*b*c", "axxbyy", false), ("weight", "weight", true), ("[0].w", "[0].w", true),
      ("**", "é", true), ("?", "é", true),
    ])
  func matches(_ pattern: String, _ name: String, _ expected: Bool) {
    #expect(NamePatterns(parameters: [pattern]).trains(name) == expected)
  }

  @Test("constants go before parameters, and nothing said leaves it open") func order() {
    let both = NamePatterns(parameters: ["head.*"], constants: ["*.bias"])
    #expect(both.trains("head.weight") == true)
    #expect(both.trains("head.bias") == false)
    #expect(both.trains("body.weight") == false)
    #expect(NamePatterns(constants: ["*.bias"]).trains("head.weight") == nil)
    #expect(NamePatterns().trains("head.weight") == nil)
    #expect(both.unmatched(by: ["head.weight"]) == "*.bias")
    #expect(both.unmatched(by: ["head.bias"]) == nil)
  }

  @Test("a pattern of stars alone takes no time") func hostile() {
    let pattern = String(repeating: "*a", count: 200)
    #expect(
      NamePatterns(parameters: [pattern]).trains(String(repeating: "a", count: 199) + "b") == false)
  }
}
