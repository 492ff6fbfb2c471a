public import Influence

extension ScoreReport {
  /// The account of one output, with the items and groups that stand out in it.
  public struct QueryLedger: Sendable {
    /// What a run can do to an output besides showing it items.
    public enum Effect: Sendable {
      case decay, clipping
    }

    /// The query.
    public let query: Item
    /// Its account: all columns, all items.
    public let account: OutputAccount
    /// The largest residual, relative to the gross movement, of a column whose rows add up.
    public let tolerance: Double
    /// What the run did besides showing items: rows that are shown even where they are zero.
    public let effects: Set<Effect>
    /// How each column that has an answer spreads over the items.
    public let statistics: [LedgerColumn: LedgerStatistics]
    /// How similarly each two of these columns rank the items.
    public let correlations: [ColumnCorrelation]
    /// The numbers of the strongest items of the leading column that support, highest first.
    public let supporters: [Int]
    /// The numbers of its strongest items that oppose, lowest first.
    public let opponents: [Int]
    /// The groups of the items, the largest gross of the leading column first; empty for items
    /// without groups.
    public let groups: [Group]
    /// The numbers of the items that were asked for, in that order.
    public let shownItems: [Int]
    /// The groups that were asked for, in that order.
    public let shownGroups: [Group]
    private let lookUp: @Sendable (Int) -> Item
    private let picture: @Sendable (Int) -> PixelImage?

    /// An account.
    ///
    /// - Parameters:
    ///   - count: How many supporters and opponents stand out.
    ///   - shown: Items and groups to show besides.
    ///   - item: A training item by its number; every one is asked for.
    ///   - picture: Its picture, which only those that are shown are asked for.
    public init(
      query: Item, account: OutputAccount, tolerance: Double, effects: Set<Effect> = [],
      count: Int, shown: [Subject] = [], item: @escaping @Sendable (Int) -> Item,
      picture: @escaping @Sendable (Int) -> PixelImage? = { _ in nil }
    ) {
      self.query = query
      self.account = account
      self.tolerance = tolerance
      self.effects = effects
      lookUp = item
      self.picture = picture
      let columns = account.answers
      let names = Set(columns.map(\.column))
      let items = (0..<(columns.first?.rows.items.count ?? 0)).map(item)
      statistics = Dictionary(
        uniqueKeysWithValues: columns.map { column, rows in
          let isAlike = { (name: KeyPath<Item, String>) -> [Bool]? in
            query[keyPath: name].isEmpty
              ? nil : items.map { $0[keyPath: name] == query[keyPath: name] }
          }
          return (
            column,
            LedgerStatistics(
              account: rows, ownClass: isAlike(\.label), ownGroup: isAlike(\.group))
          )
        })
      correlations = account.columnCorrelations.filter { pair in
        names.isSuperset(of: [pair.first, pair.second])
      }
      let leading = columns.first?.rows.items ?? []
      supporters = leading.strongest(count) { $0 }
      opponents = leading.strongest(count) { -$0 }
      let groups = Group.all(columns, items.map(\.group))
      self.groups = groups
      shownItems = shown.compactMap { if case .item(let number) = $0 { number } else { nil } }
      shownGroups = shown.compactMap { subject in
        guard case .group(let name) = subject else { return nil }
        return groups.first { $0.name == name }
      }
    }

    /// A training item by its number, with its picture.
    public func item(_ number: Int) -> Item {
      var item = lookUp(number)
      if let image = picture(number) { item.content = .image(image) }
      return item
    }
  }
}

extension ScoreReport.QueryLedger {
  /// The rows of all items of one owner, document or source.
  public struct Group: Sendable, Equatable {
    /// Its name; empty for items that have none.
    public let name: String
    /// How many items it has.
    public let count: Int
    /// What its items hold in each column that has an answer.
    public let parts: [LedgerColumn: LedgerPart]

    fileprivate static func all(
      _ columns: [(column: LedgerColumn, rows: LedgerAccount)], _ names: [String]
    ) -> [Group] {
      guard names.contains(where: { !$0.isEmpty }) else { return [] }
      let sums = columns.map { column, rows in (column, rows.rollUp(groups: names)) }
      let byName = sums.map { column, groups in
        (column, Dictionary(uniqueKeysWithValues: groups.map { ($0.name, $0.part) }))
      }
      return (sums.first?.1 ?? []).map { group in
        Group(
          name: group.name, count: group.part.items,
          parts: Dictionary(
            uniqueKeysWithValues: byName.compactMap { column, parts in
              parts[group.name].map { (column, $0) }
            }))
      }
    }
  }

  /// The columns that were asked for.
  public var columns: [LedgerColumn] {
    LedgerColumn.allCases.filter { account.columns[$0] != nil }
  }

  /// Those that have an answer.
  public var answered: [LedgerColumn] { account.answers.map(\.column) }

  /// The place of an item in the column that ranks them, 1 for the highest; nil without such.
  func rank(of item: Int) -> Int? {
    leading.flatMap { account.columns[$0]?.items.rank(of: item) }
  }

  /// A row of a table of groups.
  struct GroupRow {
    let name: String
    let count: Int
    /// The sums of the columns.
    let net: [LedgerColumn: Double]
    /// The share of the gross of the column that ranks the items.
    let share: Double?
  }

  /// The groups with the largest gross, those that were asked for, and all others in one row.
  func groupRows(most count: Int) -> [GroupRow] {
    let names = Set(shownGroups.map(\.name))
    let chosen = groups.enumerated().filter { $0.offset < count || names.contains($0.element.name) }
      .map(\.element)
    let left = groups.enumerated().filter { $0.offset >= count && !names.contains($0.element.name) }
      .map(\.element)
    // One group is no longer than a row about it.
    let rows = left.count == 1 ? groups : chosen
    let share = { (group: Group) in leading.flatMap { group.parts[$0]?.share } }
    let shown = rows.map { group in
      GroupRow(
        name: group.name.isEmpty ? "no group" : group.name, count: group.count,
        net: group.parts.mapValues(\.net), share: share(group))
    }
    guard left.count > 1 else { return shown }
    let sums = answered.map { column in
      (column, left.reduce(0) { $0 + ($1.parts[column]?.net ?? 0) })
    }
    return shown + [
      GroupRow(
        name: "\(HumanNumber.count(left.count)) other groups",
        count: left.reduce(0) { $0 + $1.count }, net: Dictionary(uniqueKeysWithValues: sums),
        share: leading == nil ? nil : left.reduce(0) { $0 + (share($1) ?? 0) })
    ]
  }

  /// The column that ranks the items: credit, or the next that has an answer.
  public var leading: LedgerColumn? { answered.first }

  /// Whether a column's rows add up within the tolerance; nil for a column whose rows need not, or
  /// that has no answer.
  public func balances(_ column: LedgerColumn) -> Bool? {
    guard column.balances, let rows = account.columns[column], rows.refusal == nil else {
      return nil
    }
    return rows.relativeResidual <= tolerance
  }

  /// N, the number of items.
  public var itemCount: Int { account.columns.values.first?.items.count ?? 0 }
}

extension OutputAccount {
  /// The columns that have an answer, in their own order.
  fileprivate var answers: [(column: LedgerColumn, rows: LedgerAccount)] {
    LedgerColumn.allCases.compactMap { column in
      guard let rows = columns[column], rows.refusal == nil else { return nil }
      return (column, rows)
    }
  }
}

extension [Double] {
  /// The places of the values that are above zero in a view of them, highest first; equal ones in
  /// their order.
  fileprivate func strongest(_ count: Int, _ view: (Double) -> Double) -> [Int] {
    let values = map(view)
    let places = values.indices.filter { values[$0] > 0 }
    let falling = places.sorted { (values[$0], $1) > (values[$1], $0) }
    return [Int](falling.prefix(count))
  }
}
