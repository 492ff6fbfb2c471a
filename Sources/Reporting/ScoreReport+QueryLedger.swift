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
    private let lookUp: @Sendable (Int) -> Item
    private let picture: @Sendable (Int) -> PixelImage?

    /// An account.
    ///
    /// - Parameters:
    ///   - count: How many supporters and opponents stand out.
    ///   - item: A training item by its number; every one is asked for.
    ///   - picture: Its picture, which only those that are shown are asked for.
    public init(
      query: Item, account: OutputAccount, tolerance: Double, effects: Set<Effect> = [],
      count: Int, item: @escaping @Sendable (Int) -> Item,
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
      groups = Group.all(columns, items.map(\.group))
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
