import Palimpsest

/// Finds items of a data set by what people type: numbers, ranges, ids, labels, groups.
///
/// `id:`, `group:` or `label=` and a name; an id, letter by letter; numbers such as `3`, `0-49` (both
/// ends), `0:50` or `0..<50` (without the end); a group; all of these with commas between. A text that
/// means one thing as an id and another as numbers, a group or a list is refused with the ways to
/// write each.
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
  /// - Throws: ``UsageError`` where there are no such numbers, or the text means several things.
  func find(_ text: String) throws -> Found? {
    if let found = try whole(text) { return found }
    if text.contains(",") { return try list(text) }
    if text.hasPrefix("id:") {
      throw UsageError(
        "\(option): found \"\(text)\", expected the id of "
          + (data.ids.isEmpty
            ? "an item, but the \(part) items have none" : "a \(part) item, such as \(data.ids[0])")
      )
    }
    if text.hasPrefix("group:") || text.hasPrefix("group=") {
      let known = Set(data.groups).subtracting([""]).sorted().prefix(5)
      throw UsageError(
        "\(option): found \"\(text)\", expected the group of a \(part) item"
          + (known.isEmpty ? ", but they have none" : ", such as \(known.joined(separator: ", "))"))
    }
    if text.hasPrefix("label="), data.labels != nil {
      throw UsageError("\(option): \(text): no \(part) item has this label")
    }
    if let range = NumberRange(text) { throw missing(range, text) }
    return nil
  }

  /// What a text means that is not taken apart at its commas.
  private func whole(_ text: String) throws -> Found? {
    if let name = text.dropping("id:"), let found = try id(name) { return found }
    if let name = text.dropping("group:") ?? text.dropping("group="), let found = group(name) {
      return found
    }
    if let name = text.dropping("label="), let found = label(name) { return found }
    let range = NumberRange(text)
    let numbers = range?.checked.flatMap { $0.upperBound <= data.count ? Array($0) : nil }
    // How each of the things that the text may mean is written so that it means nothing else.
    var readings: [(found: Found, words: String)] = []
    if let found = try id(text) { readings.append((found, "id:\(text) for the id")) }
    if let range, let numbers {
      readings.append(
        (Found(items: numbers), "\(range.low):\(range.high + 1) for the numbers"))
    }
    if let found = group(text) { readings.append((found, "group:\(text) for the group")) }
    guard let first = readings.first else { return nil }
    if text.contains(","), let found = try? list(text) {
      readings.append((found, "id: or group: before each of its parts"))
    }
    guard readings.allSatisfy({ $0.found.items == first.found.items }) else {
      let items = Set(readings.flatMap(\.found.items)).sorted()
      let meant =
        readings.allSatisfy { $0.found.items.count == 1 }
        ? "may be item \(items.map(String.init).joined(separator: " or "))"
        : "means several things"
      throw UsageError(
        "\(option): found \"\(text)\", which \(meant), expected one; write "
          + readings.map(\.words).joined(separator: ", or "), isAmbiguous: true)
    }
    return first.found
  }

  /// Names with commas between; nil where one of them names nothing.
  private func list(_ text: String) throws -> Found? {
    var items: [Int] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard !name.isEmpty, let found = try find(String(name)) else { return nil }
      items += found.items
    }
    var seen: Set<Int> = []
    if let twice = items.first(where: { !seen.insert($0).inserted }) {
      throw UsageError("\(option): found item \(twice) twice, expected each once")
    }
    return Found(items: items)
  }

  private func id(_ name: String) throws -> Found? {
    let items = data.ids.indices.filter { data.ids[$0] == name }
    guard items.count < 2 else {
      throw UsageError(
        "\(option): found \"\(name)\", the id of the \(part) items \(items[0]) and \(items[1]), expected "
          + "that of one", isAmbiguous: true)
    }
    return items.isEmpty ? nil : Found(items: items)
  }

  private func label(_ name: String) -> Found? {
    guard let label = Int32(name), let labels = data.labels else { return nil }
    let items = labels.indices.filter { labels[$0] == label }
    return items.isEmpty ? nil : Found(items: items)
  }

  private func group(_ name: String) -> Found? {
    let items = data.groups.indices.filter { data.groups[$0] == name }
    return items.isEmpty || name.isEmpty ? nil : Found(items: items, group: name)
  }

  /// Why a range holds no items.
  private func missing(_ range: NumberRange, _ text: String) -> UsageError {
    guard range.low <= range.high else {
      return UsageError(
        "\(option): found \"\(text)\", "
          + (range.low == range.high + 1
            ? "which holds no item, expected some; \(range.low):\(range.low + 1) is item \(range.low)"
            : "expected the smaller number first"))
    }
    let what = range.low == range.high ? "item \(range.low)" : "\"\(text)\""
    return UsageError(
      "\(option): found \(what), expected \(part) items of 0 to \(data.count - 1)")
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
