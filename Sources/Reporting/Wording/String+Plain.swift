extension String {
  /// Without what could steer a terminal or turn the direction of the text; lines and tabs stay.
  package var plain: String { cleaned { $0 == "\n" || $0 == "\t" ? $0 : nil } }

  /// The same on one line: what breaks lines becomes a space.
  var plainLine: String {
    cleaned { ["\n", "\r", "\t", "\u{2028}", "\u{2029}"].contains($0) ? " " : nil }
  }

  /// At most this many characters, an ellipsis for the rest.
  func clipped(to limit: Int) -> String {
    guard let end = index(startIndex, offsetBy: limit, limitedBy: endIndex), end < endIndex else {
      return self
    }
    return prefix(max(limit - 1, 0)) + "…"
  }

  private func cleaned(_ replacement: (Unicode.Scalar) -> Unicode.Scalar?) -> String {
    var result = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      if (" "..."~").contains(scalar) {
        result.append(scalar)
        continue
      }
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        if let replacement = replacement(scalar) {
          result.append(replacement)
        } else if Self.joiners.contains(scalar) {
          result.append(scalar)
        }
      case .unassigned where scalar.value & 0xfffe == 0xfffe: break  // Not a character, by XML too.
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// Scripts and emoji need the two joiners; they turn nothing.
  private static let joiners: [Unicode.Scalar] = ["\u{200c}", "\u{200d}"]
}
