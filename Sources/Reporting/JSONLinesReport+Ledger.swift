import Formats
import Influence
import Training

extension JSONLinesReport {
  /// An account: what was measured, and an object for each column that was asked for.
  static func object(_ ledger: ScoreReport.QueryLedger, _ report: ScoreReport) -> JSONValue {
    let account = ledger.account
    return object(
      [
        ("kind", .string("ledger")), ("id", .string(ledger.query.id)),
        ("label", .string(ledger.query.label)), ("group", .string(ledger.query.group)),
        ("measure", .string(report.measure.rawValue)),
        ("unit", report.method.unit.map { .string($0) } ?? .null),
        ("items", .number(ledger.itemCount)), ("measureInitial", number(account.measureInitial)),
        ("measureFinal", number(account.measureFinal)), ("total", number(account.total)),
        ("isLowerBetter", .bool(account.isLowerBetter)), ("tolerance", number(ledger.tolerance)),
        ("rankCorrelations", correlations(ledger)), ("significance", significance(ledger)),
        ("groups", groups(ledger)), ("shown", shown(ledger)),
      ] + ledger.columns.map { ($0.rawValue, column($0, ledger)) })
  }

  /// A column; statistics are null where it has no answer.
  private static func column(
    _ column: LedgerColumn, _ ledger: ScoreReport.QueryLedger
  ) -> JSONValue {
    guard let rows = ledger.account.columns[column] else { return .null }
    let statistics = ledger.statistics[column]
    let cocktail = statistics?.cocktail
    // Only credit is compared with strangers.
    let claims = column == .credit ? ledger.account.significance : nil
    return object([
      ("itemsSum", number(rows.itemsSum)), ("decay", number(rows.decay)),
      ("clipping", number(rows.clipping)), ("residual", number(rows.residual)),
      ("relativeResidual", number(rows.relativeResidual)), ("movement", number(rows.movement)),
      ("balances", ledger.balances(column).map { .bool($0) } ?? .null),
      ("refusal", rows.refusal.map { .string($0) } ?? .null),
      ("gross", number(cocktail?.gross)),
      ("effectiveContributors", number(cocktail?.effectiveContributors)),
      ("entropyContributors", number(cocktail?.entropyContributors)),
      ("topShare", number(cocktail?.topShare)), ("cancellation", number(cocktail?.cancellation)),
      ("cancelledShare", number(cocktail?.cancelledShare)),
      ("topPercentShare", number(statistics?.strongestPercentShare)),
      ("gini", number(statistics?.gini)),
      ("ownClassShare", number(statistics?.ownClass?.share)),
      ("ownClassItemShare", number(statistics?.ownClass?.itemShare)),
      ("ownGroupShare", number(statistics?.ownGroup?.share)),
      ("ownGroupItemShare", number(statistics?.ownGroup?.itemShare)),
      ("significantItems", claims.map { .number($0.count) } ?? .null),
      ("phases", .array((statistics?.phases ?? []).map(phase))),
      ("top", top(column, ledger)),
      ("sentence", statistics.map { .string($0.sentence) } ?? .null),
    ])
  }

  /// What a column's items did in one of its times.
  private static func phase(_ cocktail: Cocktail) -> JSONValue {
    object([
      ("itemsSum", number(cocktail.net)), ("gross", number(cocktail.gross)),
      ("effectiveContributors", number(cocktail.effectiveContributors)),
      ("topShare", number(cocktail.topShare)), ("cancellation", number(cocktail.cancellation)),
      ("cancelledShare", number(cocktail.cancelledShare)),
    ])
  }

  /// The items that stand out, the supporters first, as a column values them.
  private static func top(_ column: LedgerColumn, _ ledger: ScoreReport.QueryLedger) -> JSONValue {
    guard let rows = ledger.account.columns[column], rows.refusal == nil else { return .array([]) }
    return .array(
      (ledger.supporters + ledger.opponents).map { number in
        let item = ledger.item(number)
        var members: [(name: String, value: JSONValue)] = [
          ("item", .number(number)), ("id", .string(item.id)), ("label", .string(item.label)),
          ("group", .string(item.group)), ("score", Self.number(rows.items[number])),
          ("phases", .array(rows.phases.map { Self.number($0[number]) })),
        ]
        if column == .credit {
          members.append(("p", Self.number(ledger.account.significance?.pValues[number])))
        }
        return object(members)
      })
  }

  /// The items and groups that were asked for; a group's columns are sums.
  private static func shown(_ ledger: ScoreReport.QueryLedger) -> JSONValue {
    let items = ledger.shownItems.map { number in
      let item = ledger.item(number)
      return object(
        [
          ("item", .number(number)), ("id", .string(item.id)), ("label", .string(item.label)),
          ("group", .string(item.group)), ("items", .number(1)),
          ("rank", ledger.rank(of: number).map { .number($0) } ?? .null),
          ("p", Self.number(ledger.account.significance?.pValues[number])),
        ]
          + ledger.answered.map { column in
            (column.rawValue, Self.number(ledger.account.columns[column]?.items[number]))
          })
    }
    let groups = ledger.shownGroups.map { group in
      object(
        [
          ("item", .null), ("id", .string("")), ("label", .string("")),
          ("group", .string(group.name)), ("items", .number(group.count)), ("rank", .null),
          ("p", .null),
        ] + ledger.answered.map { ($0.rawValue, Self.number(group.parts[$0]?.net)) })
    }
    return .array(items + groups)
  }

  private static func correlations(_ ledger: ScoreReport.QueryLedger) -> JSONValue {
    object(
      ledger.correlations.map {
        ("\($0.first.rawValue)-\($0.second.rawValue)", number($0.spearman))
      })
  }

  private static func significance(_ ledger: ScoreReport.QueryLedger) -> JSONValue {
    guard let significance = ledger.account.significance else { return .null }
    return object([
      ("items", .number(significance.count)), ("tested", .number(significance.tested)),
      ("level", number(significance.level)), ("leastPValue", number(significance.leastPValue)),
      ("sentence", .string(significance.sentence)),
    ])
  }

  private static func groups(_ ledger: ScoreReport.QueryLedger) -> JSONValue {
    .array(
      ledger.groups.map { group in
        object(
          [("group", .string(group.name)), ("items", .number(group.count))]
            + group.parts.map { column, part in
              (
                column.rawValue,
                object([
                  ("sum", number(part.net)), ("gross", number(part.gross)),
                  ("share", number(part.share)),
                ])
              )
            })
      })
  }

  /// A prediction of each name beside what came out.
  static func object(_ receipt: ScoreReport.Receipt) -> JSONValue {
    object([
      ("kind", .string("receipt")), ("query", .string(receipt.query)),
      ("removed", .string(receipt.removed)),
      ("predicted", object(receipt.predictions.map { ($0.name, number($0.change)) })),
      ("actual", number(receipt.actual)), ("unit", .string(receipt.unit)),
    ])
  }

  /// How well the predictions of one name foresaw what came out.
  static func object(_ fit: ScoreReport.Fit) -> JSONValue {
    object([
      ("kind", .string("fit")), ("predictedBy", .string(fit.name)),
      ("receipts", .number(fit.count)), ("signsForeseen", .number(fit.agreeing)),
      ("slope", number(fit.correlation.slope)), ("pearson", number(fit.correlation.pearson)),
      ("spearman", number(fit.correlation.spearman)),
    ])
  }
}
