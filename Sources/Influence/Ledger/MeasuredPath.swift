/// The measures of the queries along the run.
struct MeasuredPath: Sendable {
  /// Q.
  let queries: Int
  /// `[S + 1, Q]`, before each step and after the last.
  var values: [Double] = []

  subscript(step: Int, query: Int) -> Double { values[step * queries + query] }

  /// S.
  var steps: Int { values.count / max(queries, 1) - 1 }

  /// Σ |change| over the steps of each query: how far its measure went, back and forth.
  private(set) var movement: [Double] = []

  init(queries: Int) { self.queries = queries }

  /// To be called once all values are known.
  mutating func finish() {
    movement = (0..<queries).map { query in
      (0..<steps).reduce(0.0) { $0 + abs(self[$1 + 1, query] - self[$1, query]) }
    }
  }

  /// What a step may miss.
  ///
  /// Misses of different steps have either sign, so they add up like their root: all together stay
  /// below half of the tolerance times the movement.
  func allowedMiss(_ step: Int, _ query: Int, tolerance: Double) -> Double {
    let change = abs(self[step + 1, query] - self[step, query])
    return tolerance / 4 * max(movement[query] / Double(max(steps, 1)).squareRoot(), change)
  }
}
