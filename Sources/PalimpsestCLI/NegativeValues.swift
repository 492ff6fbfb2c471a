/// Values of options that begin with a dash, which the argument parser would take for options.
enum NegativeValues {
  /// The arguments with each negative number joined to the option before it: `--lr -0.1` becomes
  /// `--lr=-0.1`, so that the number is refused or taken as such.
  static func joined(_ arguments: [String]) -> [String] {
    var joined: [String] = []
    var isLiteral = false
    for argument in arguments {
      if let option = joined.last, !isLiteral, option.hasPrefix("--"), option.count > 2,
        !option.contains("="), isNegative(argument)
      {
        joined[joined.count - 1] += "=\(argument)"
      } else {
        joined.append(argument)
      }
      isLiteral = isLiteral || argument == "--"
    }
    return joined
  }

  /// The first argument that begins with a dash after an option that misses its value; nil where
  /// there is none.
  static func mistaken(after option: String, in arguments: [String]) -> String? {
    zip(arguments, arguments.dropFirst()).first { $0 == option && $1.hasPrefix("-") }?.1
  }

  /// Whether it is a number, or a list of numbers, behind a minus sign.
  private static func isNegative(_ text: String) -> Bool {
    guard text.hasPrefix("-") else { return false }
    let rest = text.dropFirst()
    return Double(rest) != nil || rest.first.map { $0.isASCII && $0.isNumber } ?? false
  }
}
