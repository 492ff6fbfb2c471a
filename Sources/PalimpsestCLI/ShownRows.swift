import Palimpsest

/// Keeps the scores of all items for each query, where items were asked for by name.
struct ShownRows<Scalar: TensorScalar> {
  let subjects: [ScoreReport.Subject]
  let items: Dataset<Scalar>
  /// By query; empty where nothing was asked for.
  private var rows: [[Double]] = []
  private let isNumbered: Bool

  init(
    _ subjects: [ScoreReport.Subject], items: Dataset<Scalar>, queries: Int,
    isNumbered: Bool = true
  ) {
    self.subjects = subjects
    self.items = items
    self.isNumbered = isNumbered
    if !subjects.isEmpty { rows = Array(repeating: [], count: queries) }
  }

  /// Takes a panel; those of a query come from left to right.
  mutating func take(
    _ queries: Range<Int>, _ columns: Range<Int>, _ panel: UnsafeBufferPointer<Scalar>
  ) {
    guard !rows.isEmpty else { return }
    for (number, query) in queries.enumerated() {
      rows[query] += panel[number * columns.count..<(number + 1) * columns.count].map { Double($0) }
    }
  }

  /// What was asked for, in the scores of a query.
  func standings(_ query: Int) -> [ScoreReport.Standing] {
    rows.isEmpty ? [] : standings(rows[query])
  }

  /// The same in scores that are there already.
  func standings(_ scores: [Double]) -> [ScoreReport.Standing] {
    ScoreReport.Standing.all(subjects, scores: scores, groups: items.groups) {
      Scoring.item($0, items, "train", isNumbered: isNumbered)
    }
  }
}
