import TensorCore
import Training

/// How much of the work is done, in passes of one query through one step.
struct LedgerProgress {
  static let marginal = 3
  private var done = 0
  private var total: Int

  init<Scalar>(_ problem: LedgerProblem<Scalar>, _ options: LedgerOptions) {
    let unit = problem.queries.count * problem.run.batches.count
    total = unit
    if options.columns.contains(.credit) { total += unit * Self.weight(isCredit: true) }
    if options.columns.contains(.marginal) { total += unit * Self.marginal }
    if options.columns.contains(.integrated) { total += 8 * unit * Self.marginal }
  }

  static func weight<Scalar>(_ kind: LedgerSweep<Scalar>.Kind) -> Int {
    if case .credit = kind { weight(isCredit: true) } else { marginal }
  }

  private static func weight(isCredit: Bool) -> Int { isCredit ? 1 : marginal }

  mutating func expect(_ units: Int) { total += units }

  mutating func advance(_ units: Int, _ report: (Int, Int) throws -> Void) rethrows {
    done += units
    try report(min(done, total), total)
  }
}
