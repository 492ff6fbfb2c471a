import Influence
import TensorCore
import Testing
import Training

@Suite("what is traced")
struct TracedOutputTests {
  /// Bytes as tokens.
  private func output(_ text: String, after prompt: String = "") throws -> TracedOutput {
    try TracedOutput(
      prompt: prompt.utf8.map { Int32($0) }, output: text.utf8.map { Int32($0) }, .bytes)
  }

  @Test("all tokens are predicted but the first of all") func predicted() throws {
    #expect(try output("abc").predicted == 1..<3)
    #expect(try output("abc", after: "de").predicted == 2..<5)
    #expect(try output("abc", after: "de").outputBytes == 2..<5)
    #expect(try output("a", after: "d").predicted == 1..<2)
    #expect(throws: TrainingError.self) { try output("") }
    #expect(throws: TrainingError.self) { try output("a") }
    #expect(throws: TrainingError.self) { try output("", after: "de") }
  }

  @Test("a query has what stands before its span as inputs, and its span alone as labels")
  func queries() throws {
    let output = try output("cdefgh", after: "ab")
    let queries: Dataset<Double> = output.queries(
      [(2..<4, 2..<4), (6..<8, 6..<8), (7..<8, 6..<8)], context: 4)
    let text = "abcdefgh".utf8.map { Double($0) }
    let none = Dataset<Double>.noLabel
    // The first window has room left, the second takes the last four tokens before its end.
    #expect(
      queries.inputs.scalars == Array(text[0..<3]) + [0] + Array(text[3..<7]) + Array(text[3..<7]))
    #expect(
      queries.targets
        == .labels([
          none, 99, 100, none, none, none, 103, 104, none, none, none, 104,
        ]))
  }

  @Test("parts: one from the beginning, then halves of the context") func parts() {
    #expect(TracedOutput.parts(of: 1..<9, context: 8) == [1..<9])
    #expect(TracedOutput.parts(of: 1..<10, context: 8) == [1..<9, 9..<10])
    #expect(TracedOutput.parts(of: 3..<18, context: 8) == [3..<9, 9..<12, 12..<15, 15..<18])
    #expect(TracedOutput.parts(of: 12..<14, context: 8) == [12..<14])
    #expect(TracedOutput.parts(of: 1..<4, context: 1) == [1..<2, 2..<3, 3..<4])
    for (first, last, context) in [(1, 100, 7), (40, 90, 16), (5, 6, 64)] {
      let parts = TracedOutput.parts(of: first..<last, context: context)
      #expect(parts.first?.lowerBound == first && parts.last?.upperBound == last)
      #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    }
  }

  /// The texts of the spans for matches with so many bits for each byte.
  private func spans(
    _ text: String, _ matches: [Range<Int>], bits: Double = 5, shortest: Int = 4
  ) throws -> [String] {
    let output = try output(text, after: ">")
    let found = matches.map {
      VerbatimMatch(
        bytes: $0.lowerBound + 1..<$0.upperBound + 1, places: [],
        surprise: Surprise(bits: bits * Double($0.count), expectedOccurrences: 0))
    }
    return output.spans(found, shortest: shortest, context: 64, leastBits: 20) {
      bits * Double($0.count)
    }.map { String(decoding: output.bytes[output.bytes(of: $0)], as: UTF8.self) }
  }

  @Test("spans are what is copied as one piece, and what lies between") func spans() throws {
    #expect(try spans("abcdefghijkl", []) == ["abcdefghijkl"])
    #expect(try spans("abcdefghijkl", [4..<8]) == ["abcd", "efgh", "ijkl"])
    #expect(try spans("abcdefghijkl", [0..<12]) == ["abcdefghijkl"])
    // A match that says too little makes no span.
    #expect(try spans("abcdefghijkl", [4..<8], bits: 4.9) == ["abcdefghijkl"])
  }

  @Test("of overlapping matches the more surprising takes what both hold") func overlap() throws {
    #expect(try spans("abcdefghijkl", [0..<7, 4..<12]) == ["abcd", "efghijkl"])
    // What is left of the other one is too short to be a match.
    #expect(try spans("abcdefghijkl", [2..<6, 4..<12]) == ["abcd", "efghijkl"])
    #expect(try spans("abcdefghijkl", [0..<6, 4..<12], shortest: 5) == ["abcdefghijkl"])
  }

  @Test("short gaps join their neighbours") func gaps() throws {
    #expect(try spans("abcdefghijkl", [0..<6, 8..<12]) == ["abcdefgh", "ijkl"])
    #expect(try spans("abcdefghijkl", [2..<8]) == ["abcdefgh", "ijkl"])
    #expect(try spans("abcdefghijkl", [2..<12]) == ["abcdefghijkl"])
  }
}

@Suite("verdicts")
struct VerdictTests {
  private func verdict(
    copied: Bool, copies: Double, document: Double, credit: Double = 1, control: Double? = 0,
    _ thresholds: VerdictThresholds = VerdictThresholds()
  ) -> Verdict {
    func outcome(_ kind: Counterfactual.Kind, _ change: Double) -> Counterfactual {
      Counterfactual(
        kind: kind, passages: [0], before: -5, after: -5 + change, control: control)
    }
    return thresholds.verdict(
      isCopied: copied, credit: credit, copies: outcome(.copies, copies),
      document: outcome(.document, document))
  }

  @Test("the four of them") func four() {
    #expect(verdict(copied: true, copies: -40, document: -40) == .copiedAndCaused)
    #expect(verdict(copied: true, copies: -40, document: -0.5) == .availableElsewhere)
    #expect(verdict(copied: true, copies: -0.5, document: -0.5) == .availableElsewhere)
    #expect(verdict(copied: false, copies: -40, document: -40) == .causedNotCopied)
    #expect(verdict(copied: false, copies: -0.5, document: -40) == .neither)
    #expect(verdict(copied: false, copies: 40, document: 40) == .neither)
  }

  @Test("credit must agree") func credit() {
    #expect(verdict(copied: true, copies: -40, document: -40, credit: -1) == .availableElsewhere)
    #expect(verdict(copied: false, copies: -40, document: -40, credit: 0) == .neither)
  }

  @Test("the fall must be deep, and deeper than others move it") func thresholds() {
    #expect(verdict(copied: true, copies: -3, document: -3) == .copiedAndCaused)
    #expect(verdict(copied: true, copies: -2.9, document: -3) == .availableElsewhere)
    #expect(verdict(copied: true, copies: -9, document: -9, control: -5) == .availableElsewhere)
    #expect(verdict(copied: true, copies: -9, document: -9, control: 5) == .availableElsewhere)
    #expect(verdict(copied: true, copies: -9, document: -9, control: 4.5) == .copiedAndCaused)
    #expect(verdict(copied: true, copies: -9, document: -9, control: nil) == .copiedAndCaused)
    var thresholds = VerdictThresholds()
    thresholds.leastDrop = 10
    #expect(verdict(copied: true, copies: -9, document: -9, thresholds) == .availableElsewhere)
  }

  @Test("log p / p_safe is what is lost") func ratio() {
    let outcome = Counterfactual(kind: .document, passages: [1], before: -2, after: -9)
    #expect(outcome.change == -7 && outcome.logRatio == 7)
  }
}
