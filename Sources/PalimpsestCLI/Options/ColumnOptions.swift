public import ArgumentParser
import Foundation
public import Palimpsest

extension QuadratureRule: ExpressibleByArgument {}

/// Which columns of a ledger are wanted, and how closely.
struct ColumnOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Columns, some of credit,marginal,integrated; all where absent.", valueName: "names"),
    transform: Self.columns)
  var columns: Set<LedgerColumn>?

  @Option(help: "How a gradient is averaged along a step.")
  var rule = Self.standardRule

  @Option(
    help: ArgumentHelp(
      "Largest residual of an account, relative to the gross movement; steps are refined until they meet it.",
      valueName: "x"))
  var tolerance = Self.standardTolerance

  private static let standardRule = QuadratureRule.simpson
  private static let standardTolerance = 1e-4

  init() {}

  /// What a command that has none of these options asks for.
  init(_ columns: Set<LedgerColumn>) {
    self.columns = columns
    rule = Self.standardRule
    tolerance = Self.standardTolerance
  }

  func validate() throws {
    guard tolerance > 0, tolerance.isFinite else {
      throw ValidationError("--tolerance: found \(tolerance), expected a number above 0")
    }
  }

  /// The columns that are drawn up.
  var wanted: Set<LedgerColumn> { columns ?? Set(LedgerColumn.allCases) }

  private static func columns(_ text: String) throws -> Set<LedgerColumn> {
    let known = LedgerColumn.allCases.map(\.rawValue)
    return Set(try NameList(text, known: known).names.compactMap { LedgerColumn(rawValue: $0) })
  }

  /// Ends with no where a column that was asked for by name is refused.
  func checkRefusals(_ queries: [ScoreReport.Item], _ accounts: [OutputAccount]) throws {
    guard let refusal = Self.refusals(queries, accounts, columns ?? []).first else { return }
    throw AnswerIsNo(
      "\(refusal.query): the column \(refusal.column.rawValue) is refused: \(refusal.reason)")
  }

  /// Ends with no where the rows of a column do not add up.
  ///
  /// - Parameter isSingle: Whether the steps were taken in Float32.
  func checkBalance(
    _ queries: [ScoreReport.Item], _ accounts: [OutputAccount], isSingle: Bool
  ) throws {
    for (query, account) in zip(queries, accounts) {
      for column in LedgerColumn.allCases where column.balances {
        guard let rows = account.columns[column], rows.refusal == nil,
          !(rows.relativeResidual <= tolerance)
        else { continue }
        throw AnswerIsNo(
          "\(query.id): the column \(column.rawValue) does not balance: found a residual of "
            + "\(HumanNumber.significant(rows.relativeResidual, digits: 2)) of the gross movement, "
            + "expected at most \(tolerance)"
            + (isSingle
              ? "; steps that are small beside the parameters lose their last digits to the rounding of "
                + "float32: take larger steps, or train in float64" : ""))
      }
    }
  }

  /// What a reader of columns must know before trusting their numbers.
  ///
  /// - Parameter departure: The largest one of the run, as a share of the way.
  func notes(
    _ record: RunRecord, columns: Set<LedgerColumn>, _ departure: Double
  ) -> [String] {
    var notes: [String] = []
    let (hasCredit, optimizer) = (columns.contains(.credit), record.manifest.optimizer)
    if hasCredit, optimizer.name.hasPrefix("adam") {
      notes.append(
        "Credit takes the scaling that \(optimizer.name) gives each parameter as it was: what an item "
          + "did to the scaling of others is not in its row.")
    }
    if optimizer.clipNorm != nil {
      notes.append(
        "The run clipped its gradients: an item's row is what clipping left of its steps, so clipping "
          + "has no row of its own.")
    }
    if rule == .left, hasCredit {
      notes.append(
        "With the rule left, credit is TracIn at every step: its residual is what first order leaves "
          + "out.")
    }
    if departure > 0 { notes.append(Replays.note(departure)) }
    return notes
  }

  /// What is refused, in the order of the columns and the queries.
  static func refusals(
    _ queries: [ScoreReport.Item], _ accounts: [OutputAccount], _ columns: Set<LedgerColumn>
  ) -> [(column: LedgerColumn, query: String, reason: String)] {
    LedgerColumn.allCases.filter(columns.contains).flatMap { column in
      zip(queries, accounts).compactMap { query, account in
        account.columns[column]?.refusal.map { (column, query.id, $0) }
      }
    }
  }

  /// Draws up the accounts of some queries, with a bar for the progress.
  ///
  /// What an interrupted command had done is kept in the run's folder, if that can be written.
  func accounts<Scalar: TensorScalar>(
    _ problem: LedgerProblem<Scalar>, columns: Set<LedgerColumn>, sameLabel: Bool = true,
    removals: [Removal] = [],
    _ compute: ComputeOptions, pool: WorkerPool
  ) throws -> (accounts: [OutputAccount], departure: Double) {
    let folder = problem.record.map(\.folder).flatMap {
      FileManager.default.isWritableFile(atPath: $0) ? "\($0)/ledger" : nil
    }
    let ledger = try compute.ledger(
      problem,
      LedgerOptions(
        columns: columns, rule: rule, tolerance: tolerance, comparesSameLabel: sameLabel,
        removals: removals, resumeFolder: folder), pool: pool)
    let bar = ProgressBar("ledger", of: 1, "passes")
    defer { bar.finish() }
    let accounts = try ledger.accounts { done, total in
      try Signals.check("repeat the command to go on where it stopped")
      bar.show(done, of: total)
    }
    return (accounts, ledger.largestDeparture)
  }
}
