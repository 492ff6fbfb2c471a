import Palimpsest

/// Outputs of a run named on the command line: `test:3`, `test:0-49`, `train:7`, `0,3,7`, an id.
///
/// `test` or `train` alone are all of their items, with a colon those that stand behind it. Numbers
/// alone are test items. An id, a label or a group is looked for in both parts, and refused where
/// both have it.
struct QuerySelection {
  /// Which of the run's data sets.
  enum Part: String, CaseIterable {
    case test, train
  }

  let text: String
  let option: String
  /// The part that the text names; nil for numbers and names alone.
  let part: Part?

  /// Reads one selection; what it means is known with the data.
  init(_ text: String, option: String = "--query") {
    self.text = text
    self.option = option
    part = Part.allCases.first { text == $0.rawValue || text.hasPrefix($0.rawValue + ":") }
  }

  /// Whether it can mean items of a part.
  func concerns(_ other: Part) -> Bool { part == nil || part == other }

  /// Where the items stand and which they are.
  ///
  /// - Parameters:
  ///   - train: The training items; nil where they cannot be meant.
  ///   - test: The test items; nil where there are none.
  /// - Throws: ``UsageError``.
  func resolve<Scalar: TensorScalar>(
    train: Dataset<Scalar>?, test: Dataset<Scalar>?
  ) throws -> (part: Part, items: [Int]) {
    // An id of its own letters comes first: that of a passage of text holds a colon.
    let ids = [(Part.test, test), (.train, train)].flatMap { part, data in
      (data?.ids ?? []).enumerated().filter { $0.element == text }.map { (part, [$0.offset]) }
    }
    if let part {
      guard ids.isEmpty else {
        throw UsageError(
          "\(option): found \"\(text)\", which may be an id or items of \(part.rawValue), expected one; "
            + "id:\(text) is the id")
      }
      guard let data = part == .train ? train : test else { throw noTest }
      let rest = text == part.rawValue ? nil : String(text.dropFirst(part.rawValue.count + 1))
      guard let rest else { return (part, Array(0..<data.count)) }
      let lookup = ItemLookup(data: data, part: part.rawValue, option: option)
      guard let found = try lookup.find(rest) else { throw unknown }
      return (part, found.items)
    }
    let names = text.split(separator: ",").map(String.init)
    let known = Set((test?.ids ?? []) + (train?.ids ?? []))
    if !names.isEmpty, names.allSatisfy({ NumberRange($0) != nil && !known.contains($0) }) {
      guard let test else { throw noTest }
      let lookup = ItemLookup(data: test, part: Part.test.rawValue, option: option)
      guard let found = try lookup.find(text) else { throw unknown }
      return (.test, found.items)
    }
    var found: [(part: Part, items: [Int])] = []
    var refusal: UsageError?
    for (part, data) in [(Part.test, test), (.train, train)] {
      guard let data else { continue }
      do {
        let lookup = ItemLookup(data: data, part: part.rawValue, option: option)
        if let items = try lookup.find(text)?.items { found.append((part, items)) }
      } catch let error as UsageError where !error.isAmbiguous {
        // The other part may have it.
        refusal = refusal ?? error
      }
    }
    guard found.count < 2 else {
      throw UsageError(
        "\(option): found \"\(text)\" among the test items and the training items, expected one; write "
          + "test:\(text) or train:\(text)")
    }
    guard let one = found.first else { throw refusal ?? unknown }
    return one
  }

  private var noTest: UsageError {
    UsageError("\(option): the run has no test items; ask about train:7, or --query-x FILE")
  }

  private var unknown: UsageError {
    UsageError(
      "\(option): found \"\(text)\", expected test:3, test:0-49, test:0,3,7, train:7, "
        + "test:label=4, an id or a group"
        + (text.hasSuffix("..") ? "; the shell took what stands after < for a file" : ""))
  }
}
