import Reporting
import Testing

@Suite("numbers for people")
struct HumanNumberTests {
  @Test("thousands are parted by a narrow space") func counts() {
    #expect(HumanNumber.count(0) == "0")
    #expect(HumanNumber.count(999) == "999")
    #expect(HumanNumber.count(1_500) == "1\u{202f}500")
    #expect(HumanNumber.count(-1_234_567) == "−1\u{202f}234\u{202f}567")
    #expect(HumanNumber.count(.min).hasPrefix("−9\u{202f}223\u{202f}372\u{202f}"))
  }

  @Test(
    "three significant digits, powers of ten where zeros would hide them",
    arguments: [
      (0.0, "0"), (-0.0, "0"), (0.012345, "0.0123"), (1.0, "1.00"), (-2.5, "−2.50"),
      (123.456, "123"), (12_345.6, "12\u{202f}346"), (0.99999, "1.00"), (0.00012, "0.000120"),
      (1.234e-7, "1.23 × 10⁻⁷"), (-9.999e-6, "−1.00 × 10⁻⁵"), (6.02e23, "6.02 × 10²³"),
      (.infinity, "∞"), (-.infinity, "−∞"), (.nan, "not a number"),
      (.leastNonzeroMagnitude, "4.94 × 10⁻³²⁴"),
    ]) func significant(_ value: Double, _ text: String)
  {
    #expect(HumanNumber.significant(value) == text)
  }

  @Test(
    "shares keep two digits and never round to all or nothing",
    arguments: [
      (0.0, "0 %"), (1.0, "100 %"), (0.62, "62 %"), (0.042, "4.2 %"), (0.04, "4 %"),
      (1.0 / 1_500, "0.067 %"), (0.9999, "over 99 %"), (0.996, "over 99 %"), (0.994, "99 %"),
      (0.1, "10 %"), (1e-9, "1.0 × 10⁻⁷ %"),
    ]) func percent(_ share: Double, _ text: String)
  {
    #expect(HumanNumber.percent(share).split(separator: "\u{202f}").joined(separator: " ") == text)
  }

  @Test("a column has its points in line, or each number for itself") func column() {
    #expect(HumanNumber.column([0.0123, -0.00456, 0]) == ["+0.01230", "−0.00456", "0.00000"])
    // What is far smaller than the rest gets two digits more, not all of its own.
    #expect(HumanNumber.column([1, 1e-9]) == ["+1.0000", "0.0000"])
    #expect(HumanNumber.column([1.5e-9, -2e-9]) == ["+1.50 × 10⁻⁹", "−2.00 × 10⁻⁹"])
    #expect(HumanNumber.column([1234, -5.0]) == ["+1\u{202f}234.0", "−5.0"])
    #expect(HumanNumber.column([0, 0]) == ["0", "0"])
    #expect(HumanNumber.column([]) == [])
    #expect(HumanNumber.column([.nan, 2]) == ["not a number", "+2.00"])
  }
}
