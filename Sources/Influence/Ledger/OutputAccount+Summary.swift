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
    return QuerySummary(scores: account.items, measured: measureFinal, top: k)
  }
}

extension QuerySummary {
  /// What the scores of all items for one query come to.
  ///
  /// - Parameters:
  ///   - scores: `[N]`.
  ///   - measured: The query's measure after training.
  ///   - k: How many supporters and opponents to keep.
  public init(scores: [Double], measured: Double, top k: Int) {
    var collector = TopCollector(k: k)
    let numbers = Array(scores.indices)
    scores.withUnsafeBufferPointer { scores in
      numbers.withUnsafeBufferPointer { numbers in
        if let base = scores.baseAddress {
          collector.take(base, numbers: numbers, CandidateMemory())
        }
      }
    }
    self.init(measured: measured, top: collector.result, cocktail: Cocktail(scores))
  }
}
