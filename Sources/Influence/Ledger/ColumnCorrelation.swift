/// How far two columns of an account order the items alike.
public struct ColumnCorrelation: Sendable, Equatable {
  /// One column.
  public let first: LedgerColumn
  /// The other.
  public let second: LedgerColumn
  /// Spearman's correlation of the items' rows; nil where a column was refused or is constant.
  public let spearman: Double?
}

extension OutputAccount {
  /// The rank correlation of each pair of columns that were asked for, in the order of the columns.
  ///
  /// - Complexity: O(N log N).
  public var columnCorrelations: [ColumnCorrelation] {
    let ranks: [(column: LedgerColumn, ranks: [Double]?)] = LedgerColumn.allCases.compactMap {
      guard let account = columns[$0] else { return nil }
      return ($0, account.refusal == nil ? account.items.averageRanks : nil)
    }
    return ranks.indices.flatMap { first in
      ranks.indices.dropFirst(first + 1).map { second in
        let (a, b) = (ranks[first], ranks[second])
        return ColumnCorrelation(
          first: a.column, second: b.column,
          spearman: a.ranks.flatMap { a in b.ranks.flatMap { b in Correlation.pearson(a, b) } })
      }
    }
  }
}
