import Palimpsest

/// What each item's steps did to the losses of the queries, by Simpson's rule.
final class CreditSweep: Workload {
  static let name = "credit-sweep"
  private let column: LedgerColumnRun

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    column = try LedgerColumnRun(.credit, arrays, pool)
  }

  func run() throws { try column.run() }

  var result: StoredArray? { column.result }
}

/// The derivative of the queries' final losses by each item's weight, through the whole run.
final class MarginalSweep: Workload {
  static let name = "marginal-sweep"
  private let column: LedgerColumnRun

  init(_ arrays: PeerArrays, _ pool: WorkerPool) throws {
    column = try LedgerColumnRun(.marginal, arrays, pool)
  }

  func run() throws { try column.run() }

  var result: StoredArray? { column.result }
}

/// One column of a ledger, training included.
private final class LedgerColumnRun {
  private let column: LedgerColumn
  private let ledger: Ledger<Float>
  private var accounts: [OutputAccount] = []

  init(_ column: LedgerColumn, _ arrays: PeerArrays, _ pool: WorkerPool) throws {
    self.column = column
    ledger = try Ledger(
      LedgerProblem(
        run: arrays.ledgerRun, queries: arrays.ledgerQueries,
        measure: QueryMeasure(.loss, loss: .crossEntropy)),
      options: LedgerOptions(columns: [column]), pool: pool)
  }

  func run() throws { accounts = try ledger.accounts() }

  var result: StoredArray? {
    let rows = accounts.compactMap { $0.columns[column]?.items }
    return StoredArray(
      Tensor([rows.count, rows.first?.count ?? 0], rows.flatMap { $0.map { Float($0) } }))
  }
}
