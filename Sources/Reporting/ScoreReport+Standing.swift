extension ScoreReport {
  /// An item or a group that a person asked to see, whatever its score.
  public enum Subject: Sendable, Hashable {
    /// A training item by its number.
    case item(Int)
    /// All training items of a group, by its name.
    case group(String)
  }

  /// What an item or a group that was asked for holds among the scores of one output.
  public struct Standing: Sendable {
    /// The item's number; nil for a group.
    public let number: Int?
    /// The item; for a group its name alone.
    public let item: Item
    /// How many items it is.
    public let count: Int
    /// The score, or the sum of the scores of a group's items; positive for support.
    public let score: Double
    /// Σ |s| over its items.
    public let gross: Double
    /// Its share of the gross of all items; nil where that is zero.
    public let share: Double?
    /// An item's place among all N, 1 for the highest score, equal ones by number; nil for a group.
    public let rank: Int?
  }
}

extension ScoreReport.Standing {
  /// Looks the subjects up among the scores of all items.
  ///
  /// - Parameters:
  ///   - scores: `[N]`.
  ///   - groups: The group of each item, or none.
  ///   - item: A training item by its number.
  public static func all(
    _ subjects: [ScoreReport.Subject], scores: [Double], groups: [String],
    item: (Int) -> ScoreReport.Item
  ) -> [ScoreReport.Standing] {
    let whole = scores.reduce(0) { $0 + abs($1) }
    return subjects.map { subject in
      let (numbers, shown): ([Int], ScoreReport.Item) =
        switch subject {
        case .item(let number): ([number], item(number))
        case .group(let name):
          (groups.indices.filter { groups[$0] == name }, ScoreReport.Item(id: "", group: name))
        }
      let gross = numbers.reduce(0) { $0 + abs(scores[$1]) }
      var own: Int?
      if case .item(let number) = subject { own = number }
      return ScoreReport.Standing(
        number: own, item: shown, count: numbers.count,
        score: numbers.reduce(0) { $0 + scores[$1] }, gross: gross,
        share: whole > 0 && whole.isFinite ? gross / whole : nil,
        rank: own.map { scores.rank(of: $0) })
    }
  }

  /// What it is called: the item's name, or its group's with the number of its items.
  var title: String {
    number == nil ? "group \(item.group.plainLine)" : item.title
  }

  /// The place among all items, or how many items a group has.
  func placeText(of items: Int) -> String {
    rank.map { "\(HumanNumber.count($0)) of \(HumanNumber.count(items))" }
      ?? "\(HumanNumber.count(count)) item\(count == 1 ? "" : "s")"
  }
}

extension [Double] {
  /// The place of an element from the highest on, equal ones in their order; 1 for the first.
  func rank(of place: Int) -> Int {
    let own = self[place]
    return 1 + indices.count { self[$0] > own || self[$0] == own && $0 < place }
  }
}
