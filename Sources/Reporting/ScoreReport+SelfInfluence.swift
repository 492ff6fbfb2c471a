extension ScoreReport {
  /// The scores of all training items for themselves.
  public struct SelfInfluence: Sendable {
    /// `[N]`, in the order of the items.
    public let values: [Double]
    /// The numbers of the items, the highest value first, equal ones by number.
    public let order: [Int]
    /// How many of them people are shown.
    public let shown: Int
    /// The items and groups that were asked for.
    public let standings: [Standing]
    /// Why all values are zero, in words; nil where one is not.
    public let zeroReason: String?
    private let lookUp: @Sendable (Int) -> Item

    /// The values of all items.
    ///
    /// - Parameters:
    ///   - count: How many people are shown.
    ///   - subjects: Items and groups to show besides.
    ///   - item: A training item by its number.
    public init(
      values: [Double], count: Int, subjects: [Subject] = [], groups: [String] = [],
      zeroReason: String? = nil, item: @escaping @Sendable (Int) -> Item
    ) {
      self.values = values
      order = values.indices.sorted { (values[$0], $1) > (values[$1], $0) }
      shown = min(max(count, 0), values.count)
      standings = Standing.all(subjects, scores: values, groups: groups, item: item)
      self.zeroReason = values.contains { $0 != 0 } ? nil : zeroReason
      lookUp = item
    }

    /// A training item by its number.
    public func item(_ number: Int) -> Item { lookUp(number) }
  }

  /// The self-influences of all sections.
  public var selfInfluences: [SelfInfluence] {
    sections.compactMap { if case .selfInfluence(let part) = $0 { part } else { nil } }
  }

  /// Whether there is nothing but self-influences.
  var isOfSelfInfluence: Bool { queries.isEmpty && ledgers.isEmpty && !selfInfluences.isEmpty }
}

// What several formats for people say in the same words.

extension ScoreReport.SelfInfluence {
  /// How the values spread, in words.
  var sentence: String {
    guard let first = order.first, let last = order.last else {
      return "There are no training items."
    }
    guard values.contains(where: { $0 != 0 }) else {
      return "All values are zero" + (zeroReason.map { ": \($0)." } ?? ".")
    }
    let tenth = max(1, values.count / 10)
    let whole = values.reduce(0, +)
    let most = order.prefix(tenth).reduce(0) { $0 + values[$1] }
    let share =
      whole > 0 && whole.isFinite && tenth > 1
      ? " The highest tenth, \(HumanNumber.count(tenth)) items, holds "
        + "\(HumanNumber.percent(most / whole)) of the sum."
      : ""
    return "From \(HumanNumber.significant(values[last])) to "
      + "\(HumanNumber.significant(values[first])), the median "
      + "\(HumanNumber.significant(values[order[order.count / 2]])).\(share)"
  }
}
