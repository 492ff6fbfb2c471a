/// Which named arrays a person calls trained, by patterns of their names.
///
/// In a pattern `*` stands for any characters and `?` for one.
public struct NamePatterns: Equatable, Sendable {
  /// The patterns of what is trained; none for all that can be.
  public let parameters: [String]
  /// The patterns of what is not; they go before the others.
  public let constants: [String]

  /// Patterns of what is trained and of what is not.
  public init(parameters: [String] = [], constants: [String] = []) {
    self.parameters = parameters
    self.constants = constants
  }

  /// Whether nothing is said.
  public var isEmpty: Bool { parameters.isEmpty && constants.isEmpty }

  /// Whether an array of this name is trained; nil where the patterns leave that open.
  public func trains(_ name: String) -> Bool? {
    if constants.contains(where: { Self.matches($0, name) }) { return false }
    if parameters.isEmpty { return nil }
    return parameters.contains { Self.matches($0, name) }
  }

  /// Whether an array of this name is called trained letter by letter, and not by `*` or `?`.
  func names(_ name: String) -> Bool {
    parameters.contains(name) && trains(name) == true
  }

  /// The first pattern that stands for none of these names.
  public func unmatched(by names: some Collection<String>) -> String? {
    (constants + parameters).first { pattern in
      !names.contains { Self.matches(pattern, $0) }
    }
  }

  /// Whether a pattern stands for a name.
  ///
  /// - Complexity: O(pattern · name).
  static func matches(_ pattern: String, _ name: String) -> Bool {
    let (pattern, name) = (Array(pattern), Array(name))
    // Whether the pattern so far stands for the first characters of the name, for each number.
    var fits = [true] + [Bool](repeating: false, count: name.count)
    for symbol in pattern {
      var next = [Bool](repeating: false, count: name.count + 1)
      next[0] = symbol == "*" && fits[0]
      for end in name.indices {
        next[end + 1] =
          symbol == "*"
          ? fits[end + 1] || next[end] : fits[end] && (symbol == "?" || symbol == name[end])
      }
      fits = next
    }
    return fits[name.count]
  }
}
