import Palimpsest

/// Finds items of a data set by what people type: numbers, ranges, ids, labels, groups.
///
/// In this order: an id, letter by letter; `id:`, `group:` or `label=` and a name; numbers such as
/// `3`, `0-49` (both ends), `0:50` or `0..<50` (without the end); a group; the same with commas
/// between. A text that is an id and also means other items is refused: `id:` takes it as an id, and
/// another way to write the numbers as numbers.
struct ItemLookup<Scalar: TensorScalar> {
  /// The items.
  let data: Dataset<Scalar>
  /// `train` or `test`.
  let part: String
  /// Where the text was given.
  let option: String

  /// What a text means.
  struct Found {
    /// The numbers of the items, in the order that was typed.
    var items: [Int]
    /// The group whose items they are, where one was named.
    var group: String?
  }

  /// The items of a text; nil where it names nothing here.
  ///
  /// - Throws: ``UsageError`` where there are no such numbers, or the text means two things.
  func find(_ text: String) throws -> Found? {
    if let named = try named(text) { return named }
    guard text.contains(",") else { return nil }
    var items: [Int] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let found = try named(String(name)) else { return nil }
      items += found.items
    }
    var seen: Set<Int> = []
    if let twice = items.first(where: { !seen.insert($0).inserted }) {
      throw UsageError("\(option): found item \(twice) twice, expected each once")
    }
    return Found(items: items)
  }

  /// One name, range or number.
  private func named(_ text: String) throws -> Found? {
    let ids = data.ids.indices.filter { data.ids[$0] == text }
    if !ids.isEmpty {
      let numbers = (NumberRange(text)?.checked).map { Array($0.prefix(data.count)) } ?? []
      let meant = Set(ids + numbers.filter { $0 < data.count }).sorted()
      guard meant.count < 2 else {
        let shown = meant.prefix(5).map(String.init).joined(separator: " or ")
        throw UsageError(
          "\(option): found \"\(text)\", which may be item \(shown), expected one; id:\(text) is the "
            + "id, and \(meant[0]):\(meant[0] + 1) holds numbers only")
      }
      return Found(items: meant)
    }
    if let name = text.dropping("id:") {
      let items = data.ids.indices.filter { data.ids[$0] == name }
      guard items.count == 1 else {
        throw UsageError(
          "\(option): found \"\(text)\", expected the id of "
            + (data.ids.isEmpty
              ? "an item, but the \(part) items have none"
              : items.isEmpty ? "a \(part) item, such as \(data.ids[0])" : "one \(part) item"))
      }
      return Found(items: items)
    }
    if let name = text.dropping("group:") ?? text.dropping("group=") {
      guard let found = group(name) else {
        let known = Set(data.groups).subtracting([""]).sorted().prefix(5)
        throw UsageError(
          "\(option): found \"\(text)\", expected the group of a \(part) item"
            + (known.isEmpty
              ? ", but they have none" : ", such as \(known.joined(separator: ", "))"))
      }
      return found
    }
    if let name = text.dropping("label=") {
      guard let label = Int32(name), let labels = data.labels else { return nil }
      let items = labels.indices.filter { labels[$0] == label }
      guard !items.isEmpty else {
        throw UsageError("\(option): \(text): no \(part) item has this label")
      }
      return Found(items: items)
    }
    if let range = NumberRange(text) { return Found(items: try items(range, text)) }
    return group(text)
  }

  private func group(_ name: String) -> Found? {
    let items = data.groups.indices.filter { data.groups[$0] == name }
    return items.isEmpty || name.isEmpty ? nil : Found(items: items, group: name)
  }

  private func items(_ range: NumberRange, _ text: String) throws -> [Int] {
    let isOne = range.low == range.high
    guard let numbers = range.checked else {
      throw UsageError("\(option): found \"\(text)\", expected the smaller number first")
    }
    guard numbers.upperBound <= data.count else {
      throw UsageError(
        "\(option): found \(isOne ? "item \(range.low)" : "\"\(text)\""), expected \(part) items of 0 "
          + "to \(data.count - 1)")
    }
    return Array(numbers)
  }
}

/// A number, or two with what stands between them.
struct NumberRange {
  let low: Int
  /// The largest number that is meant.
  let high: Int

  /// Reads `3`, `0-49`, `0:50` or `0..<50`; nil for what is none of these.
  init?(_ text: String) {
    if let number = Self.number(text[...]) {
      (low, high) = (number, number)
      return
    }
    for (separator, isClosed) in [("..<", false), ("-", true), (":", false)] {
      let ends = text.split(separator: separator, omittingEmptySubsequences: false)
      guard ends.count == 2, let low = Self.number(ends[0]), let high = Self.number(ends[1]) else {
        continue
      }
      (self.low, self.high) = (low, isClosed ? high : high - 1)
      return
    }
    return nil
  }

  /// The numbers; nil where the first is the larger.
  var checked: Range<Int>? { low <= high ? low..<high + 1 : nil }

  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text),
      number < .max
    else { return nil }
    return number
  }
}

extension String {
  /// What stands after a prefix; nil where it does not begin so.
  func dropping(_ prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
