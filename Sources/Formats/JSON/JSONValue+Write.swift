extension JSONValue: CustomStringConvertible {
  /// The document on one line.
  public var description: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let literal): literal
    case .string(let text): JSONValue.quoted(text)
    case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
    case .object(let members):
      "{\(members.map { "\(JSONValue.quoted($0.name)): \($0.value)" }.joined(separator: ", "))}"
    }
  }

  /// The document for people: a line for each member of an object, and for each value of an array
  /// that holds objects.
  public var formatted: String { formatted(indent: "") + "\n" }

  private func formatted(indent: String) -> String {
    let inner = indent + "  "
    switch self {
    case .object(let members) where !members.isEmpty:
      let lines = members.map {
        "\(inner)\(JSONValue.quoted($0.name)): \($0.value.formatted(indent: inner))"
      }
      return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
    case .array(let values) where values.contains { $0.members != nil }:
      let lines = values.map { inner + $0.formatted(indent: inner) }
      return "[\n\(lines.joined(separator: ",\n"))\n\(indent)]"
    default:
      return description
    }
  }

  /// A string with its quotation marks, and with nothing escaped that need not be.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{08}": result += "\\b"
      case "\u{0c}": result += "\\f"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0"..<" ", "\u{7f}"..."\u{9f}":  // The second range steers terminals too.
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
