import Formats

extension JSONLinesReport {
  /// A line for each training item, the highest value first, then those that were asked for.
  static func objects(_ part: ScoreReport.SelfInfluence) -> [JSONValue] {
    part.order.enumerated().map { place, number in
      let item = part.item(number)
      return object([
        ("kind", .string("selfInfluence")), ("rank", .number(place + 1)), ("item", .number(number)),
        ("id", .string(item.id)), ("label", .string(item.label)), ("group", .string(item.group)),
        ("value", Self.number(part.values[number])),
      ])
    } + part.standings.map { object([("kind", .string("shown")), ("standing", object($0))]) }
  }
}
