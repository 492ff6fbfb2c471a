import Foundation

/// Numbers as people read them, the same in every locale.
///
/// Thousands are parted by a narrow no-break space, the minus sign is U+2212, and what is very large
/// or very small is a power of ten.
public enum HumanNumber {
  /// Between groups of three digits, and before a percent sign.
  static let thinSpace = "\u{202f}"
  private static let minus = "\u{2212}"

  /// A whole number: `1 500`.
  public static func count(_ value: Int) -> String {
    (value < 0 ? minus : "") + grouped(String(value.magnitude))
  }

  /// A number rounded to significant digits: `0.0123`, `1.23 × 10⁻⁷`.
  public static func significant(_ value: Double, digits: Int = 3) -> String {
    guard value.isFinite, value != 0 else { return unusual(value) }
    let (mantissa, exponent) = scientific(value, digits: digits)
    if (-4..<6).contains(exponent) {
      return fixed(value, decimals: max(0, digits - 1 - exponent))
    }
    let power = String(exponent).map { superscripts[$0] ?? $0 }
    return (value < 0 ? minus : "") + "\(mantissa) × 10\(String(power))"
  }

  /// The same with its sign in front, also where it is positive.
  public static func signed(_ value: Double, digits: Int = 3) -> String {
    (value > 0 ? "+" : "") + significant(value, digits: digits)
  }

  /// A number with so many decimals: `0.950`.
  static func decimals(_ value: Double, _ count: Int) -> String {
    value.isFinite ? fixed(value, decimals: count) : unusual(value)
  }

  /// A share as a percentage with two digits: `62 %`, `4.2 %`, `0.067 %`.
  ///
  /// Only the whole is `100 %` and only nothing is `0 %`.
  public static func percent(_ share: Double) -> String {
    guard share < 0.995 || share >= 1 else { return "over 99\(thinSpace)%" }
    let value = 100 * share
    let text = abs(value) >= 10 ? fixed(value, decimals: 0) : significant(value, digits: 2)
    // 4.0 says no more than 4.
    return (text.hasSuffix(".0") ? String(text.dropLast(2)) : text) + "\(thinSpace)%"
  }

  /// Signed numbers for one column: as many decimals in each, so that the points stand in line.
  ///
  /// Where that would take too many digits, each number stands for itself.
  ///
  /// - Parameter isSigned: Whether positive numbers have their sign in front.
  public static func column(
    _ values: [Double], digits: Int = 3, isSigned: Bool = true
  ) -> [String] {
    let decimals = columnDecimals(values, digits: digits)
    return values.map { value in
      guard let decimals, value.isFinite else {
        return (isSigned && value > 0 ? "+" : "") + significant(value, digits: digits)
      }
      let sign = isSigned && value > 0 && !vanishes(value, decimals: decimals) ? "+" : ""
      return sign + fixed(value, decimals: decimals)
    }
  }

  /// A signed number of a sum: with as many decimals as a column of the summands has, so that the
  /// printed numbers add up, or with two digits of its own where these would show nothing of it.
  static func summand(_ value: Double, of summands: [Double], digits: Int = 3) -> String {
    guard let decimals = columnDecimals(summands, digits: digits), value.isFinite, value != 0 else {
      return signed(value, digits: digits)
    }
    if vanishes(value, decimals: decimals) { return signed(value, digits: 2) }
    return (value > 0 ? "+" : "") + fixed(value, decimals: decimals)
  }

  /// The decimals of the numbers of a column; nil where each stands for itself.
  private static func columnDecimals(_ values: [Double], digits: Int) -> Int? {
    let exponents = values.filter { $0.isFinite && $0 != 0 }.map {
      scientific($0, digits: digits).exponent
    }
    guard let largest = exponents.max(), let smallest = exponents.min() else { return nil }
    let decimals = max(0, digits - 1 - max(smallest, largest - 2))
    return largest < 6 && decimals <= 7 ? decimals : nil
  }

  /// Whether rounding leaves nothing of a number.
  private static func vanishes(_ value: Double, decimals: Int) -> Bool {
    !fixed(value, decimals: decimals).contains { ("1"..."9").contains($0) }
  }

  private static let superscripts: [Character: Character] = [
    "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷",
    "8": "⁸", "9": "⁹",
  ]

  private static func unusual(_ value: Double) -> String {
    if value.isNaN { return "not a number" }
    return value == 0 ? "0" : value < 0 ? minus + "∞" : "∞"
  }

  /// The magnitude's digits and power of ten, after rounding.
  private static func scientific(
    _ value: Double, digits: Int
  ) -> (mantissa: Substring, exponent: Int) {
    let parts = String(format: "%.*e", digits - 1, abs(value)).split(separator: "e")
    return (parts.first ?? "0", parts.last.flatMap { Int($0) } ?? 0)
  }

  private static func fixed(_ value: Double, decimals: Int) -> String {
    let parts = String(format: "%.*f", decimals, abs(value)).split(separator: ".")
    let whole = parts.first.map { grouped(String($0)) } ?? "0"
    let digits = whole + (parts.count > 1 ? "." + parts[1] : "")
    // Nothing has no sign.
    return value < 0 && digits.contains { ("1"..."9").contains($0) } ? minus + digits : digits
  }

  private static func grouped(_ digits: String) -> String {
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { result += thinSpace }
      result.append(digit)
    }
    return result
  }
}
