import Foundation
import Influence
import Reporting

extension Sample {
  /// The account of credit alone, whose rows add up but for a residual.
  static func account(
    _ rows: [Double], decay: Double = 0, clipping: Double = 0, residual: Double = 0,
    before: Double = 2.5, isLowerBetter: Bool = true
  ) -> OutputAccount {
    let change = rows.reduce(0, +) + decay + clipping + residual
    return OutputAccount(
      measureInitial: before, measureFinal: isLowerBetter ? before - change : before + change,
      isLowerBetter: isLowerBetter,
      columns: [
        .credit: LedgerAccount(
          items: rows, decay: decay, clipping: clipping, residual: residual,
          phases: [0.5, 0.3, 0.2].map { share in rows.map { $0 * share } })
      ])
  }

  /// An account with all three columns: marginal half of credit, integrated credit but for the sign
  /// of nothing, in one order.
  static func threeColumns(
    _ rows: [Double], refusal: String? = nil, residual: Double = 0,
    significance: Significance? = nil
  ) -> OutputAccount {
    var account = account(rows, residual: residual)
    account.columns[.marginal] = LedgerAccount(
      items: rows.map { $0 / 2 }, residual: account.total - rows.reduce(0, +) / 2)
    account.columns[.integrated] = LedgerAccount(
      items: rows.map { 0.9 * $0 }, residual: account.total - 0.9 * rows.reduce(0, +),
      refusal: refusal)
    account.significance = significance
    return account
  }

  /// An account as a report shows it.
  static func ledger(
    _ account: OutputAccount, id: String = "test:3", tolerance: Double = 1e-4,
    effects: Set<ScoreReport.QueryLedger.Effect> = [], count: Int = 3,
    item: @escaping @Sendable (Int) -> ScoreReport.Item = { Sample.item("train:\($0)") }
  ) -> ScoreReport.QueryLedger {
    ScoreReport.QueryLedger(
      query: Sample.item(id), account: account, tolerance: tolerance, effects: effects,
      count: count, item: item)
  }

  /// Receipts that every column foresaw with the right sign, marginal in the right size.
  static func receipts(_ count: Int = 3, refused: Bool = false) -> [ScoreReport.Receipt] {
    (1...count).map { number in
      let actual = Double(number) / 10
      return ScoreReport.Receipt(
        query: "test:\(number)", removed: "train:1",
        predictions: [
          .init("credit", 2 * actual), .init("marginal", actual),
          .init("integrated", refused ? nil : -actual),
        ],
        actual: actual, unit: "nats")
    }
  }
}
