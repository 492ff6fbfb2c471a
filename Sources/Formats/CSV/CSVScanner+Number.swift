extension CSVScanner {
  /// The number that a field is, rounded to nearest; nil where it is none or too large.
  ///
  /// Decimal notation with an optional exponent, `nan` and `inf`; spaces around it are skipped.
  static func number(_ field: ArraySlice<UInt8>) -> Double? {
    if let value = short(field) { return value }
    let space = UInt8(ascii: " ")
    let text = field.trimmingPrefix { $0 == space }
    let trimmed = text.dropLast(text.reversed().prefix { $0 == space }.count)
    let isDecimal = trimmed.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
    }
    let string = String(decoding: trimmed, as: UTF8.self)
    guard isDecimal else {
      return ["nan", "inf", "+inf", "-inf", "infinity", "-infinity"].contains(string.lowercased())
        ? Double(string) : nil
    }
    guard let value = Double(string), value.isFinite else { return nil }
    return value
  }

  /// A number of at most 15 digits without exponent; nil for all others.
  ///
  /// Digits and power of ten are exact in a `Double`, so that one division rounds correctly. This
  /// is the fast way, for nearly all fields.
  private static func short(_ text: ArraySlice<UInt8>) -> Double? {
    var digits: Int = 0
    var count = 0
    var fraction: Int?
    var rest = text
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative { rest = rest.dropFirst() }
    for byte in rest {
      if byte == UInt8(ascii: "."), fraction == nil {
        fraction = 0
      } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), count < 15 {
        digits = digits * 10 + Int(byte - UInt8(ascii: "0"))
        count += 1
        if let places = fraction { fraction = places + 1 }
      } else {
        return nil
      }
    }
    guard count > 0 else { return nil }
    let value = Double(digits) / powersOfTen[fraction ?? 0]
    return isNegative ? -value : value
  }

  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
  ]
}
