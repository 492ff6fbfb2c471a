import TensorCore
import Training

extension Ledger {
  /// Compares the items of each output with strangers.
  func compare(
    _ queries: [Int], _ credits: [[Scalar]], _ sign: Double, _ table: StrangerTable,
    _ accounts: inout [OutputAccount]
  ) {
    accounts.withUnsafeMutableBufferPointer { accounts in
      nonisolated(unsafe) let accounts = accounts
      pool.run(queries.count) { query, _ in
        accounts[query].significance = significance(
          queries[query], accounts[query].columns[.credit]?.items ?? [], credits[query], sign,
          table)
      }
    }
  }

  /// Counts for each item the strangers that would have had as much credit in its place.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  private func significance(
    _ query: Int, _ items: [Double], _ credits: [Scalar], _ sign: Double, _ table: StrangerTable
  ) -> Significance {
    let isOwn = ownStrangers(query)
    var isVisited = [Bool](repeating: false, count: items.count)
    for item in problem.run.batches.rows where item >= 0 { isVisited[item] = true }
    var atLeast = [Int](repeating: 0, count: items.count)
    var compared = atLeast
    for item in items.indices where isVisited[item] {
      for (place, stranger) in table.range[item].enumerated() where !isOwn[stranger] {
        compared[item] += 1
        if sign * Double(credits[table.start[item] + place]) >= items[item] { atLeast[item] += 1 }
      }
    }
    return Significance(atLeast: atLeast, of: compared)
  }

  /// Which strangers are the query itself: nobody is a stranger to himself.
  private func ownStrangers(_ query: Int) -> [Bool] {
    guard let strangers = problem.strangers else { return [] }
    let own = problem.queries.inputs.row(query).scalars
    let width = own.count
    return (0..<strangers.count).map { other in
      strangers.inputs.scalars[other * width..<(other + 1) * width].elementsEqual(own)
    }
  }
}
