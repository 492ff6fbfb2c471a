extension CSVReport {
  /// A row for each training item, the highest value first; then the sums of the groups that were
  /// asked for.
  static func table(of part: ScoreReport.SelfInfluence) -> String {
    line(["rank", "item", "item_id", "label", "group", "value"])
      + part.order.enumerated().map { place, number in
        let item = part.item(number)
        return line([
          "\(place + 1)", "\(number)", text(item.id), text(item.label), text(item.group),
          cell(part.values[number]),
        ])
      }.joined()
      + part.standings.filter { $0.number == nil }.map {
        line(["", "", "", "", text($0.item.group), cell($0.score)])
      }.joined()
  }
}
