import Palimpsest

extension ComputeOptions {
  /// What the program itself takes of the memory, before it has anything to work on.
  static let programBytes = 48 << 20

  /// What the limit leaves for a ledger and its data; nil where there is none.
  var ledgerMemory: Int? { memory.map { max($0.bytes - Self.programBytes, 0) } }

  /// A ledger within the limit of memory, of which the program takes its part.
  ///
  /// - Throws: As the ledger does; `LedgerError.memory` says what the limit has to be.
  func ledger<Scalar: TensorScalar>(
    _ problem: LedgerProblem<Scalar>, _ options: LedgerOptions, pool: WorkerPool
  ) throws -> Ledger<Scalar> {
    guard let memory else { return try Ledger(problem, options: options, pool: pool) }
    var options = options
    options.memory = ledgerMemory
    do {
      return try Ledger(problem, options: options, pool: pool)
    } catch LedgerError.memory(let needed, _) {
      throw LedgerError.memory(needed: needed + Self.programBytes, allowed: memory.bytes)
    }
  }
}
