import TensorCore

extension OutputAccount {
  /// What one column comes to, as the scores of any method do; nil where it was refused or not asked
  /// for.
  ///
  /// - Parameters:
  ///   - column: The column.
  ///   - k: How many supporters and opponents to keep.
  public func summary(of column: LedgerColumn, top k: Int) -> QuerySummary? {
    guard let account = columns[column], account.refusal == nil else { return nil }
    var collector = TopCollector(k: k)
    let numbers = Array(account.items.indices)
    account.items.withUnsafeBufferPointer { items in
      numbers.withUnsafeBufferPointer { numbers in
        if let base = items.baseAddress {
          collector.take(base, numbers: numbers, CandidateMemory())
        }
      }
    }
    return QuerySummary(
      measured: measureFinal, top: collector.result, cocktail: Cocktail(account.items))
  }
}
