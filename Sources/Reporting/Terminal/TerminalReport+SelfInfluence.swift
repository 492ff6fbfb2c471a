extension TerminalReport {
  /// The highest self-influences, then those that were asked for.
  static func lines(of part: ScoreReport.SelfInfluence, _ style: Style) -> [String] {
    let chosen = part.order.prefix(part.shown).map { (number: $0, item: part.item($0)) }
    let numbers = HumanNumber.column(
      chosen.map { part.values[$0.number] } + part.standings.map(\.score))
    let hasGroups = chosen.contains { !$0.item.group.isEmpty }
    func row(
      _ rank: String, _ title: String, _ item: ScoreReport.Item, _ value: String
    ) -> [TextTable.Cell] {
      [.init(rank, .faint), .init(title.clipped(to: 32)), .init(item.label.clipped(to: 12))]
        + (hasGroups ? [.init(item.group.clipped(to: 12), .faint)] : []) + [.init(value)]
    }
    let top = chosen.enumerated().map { place, entry in
      row("\(place + 1)", entry.item.title, entry.item, numbers[place])
    }
    let asked = part.standings.enumerated().map { place, standing in
      row(
        standing.placeText(of: part.values.count), standing.title, standing.item,
        numbers[chosen.count + place])
    }
    func headings(_ name: String) -> [TextTable.Cell] {
      (["", name, "label"] + (hasGroups ? ["group"] : []) + ["value"]).map { .init($0, .faint) }
    }
    let rows =
      (top.isEmpty ? [] : [headings("item")] + top)
      + (asked.isEmpty ? [] : [headings("asked for")] + asked)
    let table = TextTable(
      alignments: [.right, .left, .left] + (hasGroups ? [.left] : []) + [.right], rows: rows)
    return [style.paint("Self-influence", .heading)] + wrapped(part.sentence, style)
      + (rows.isEmpty ? [] : table.lines(style))
  }
}
