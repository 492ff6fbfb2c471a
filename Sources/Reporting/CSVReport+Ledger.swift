import Influence

extension CSVReport {
  static let ledgerColumns =
    ["query", "query_label", "row", "item", "item_id", "label", "group"]
    + LedgerColumn.allCases.map(\.rawValue)
    + ["p", "significant", "first_epoch", "between", "last_epoch", "unit"]

  /// The measure before training, a row for each item, the sums of the groups that were asked for,
  /// the rows that are nobody's, and the measure after training; what a column does not say is empty.
  ///
  /// The times are those of the column that ranks the items.
  static func rows(of ledger: ScoreReport.QueryLedger, unit: String) -> [String] {
    let account = ledger.account
    let columns = LedgerColumn.allCases.map { column in
      account.columns[column].flatMap { $0.refusal == nil ? $0 : nil }
    }
    let phases = ledger.leading.flatMap { account.columns[$0]?.phases } ?? []
    let query = [text(ledger.query.id), text(ledger.query.label)]
    let items = (ledger.leading == nil ? 0..<0 : 0..<ledger.itemCount).map { number in
      let item = ledger.item(number)
      let p = account.significance.map { significance in
        [
          significance.pValues[number].map { "\($0)" } ?? "",
          significance.isSignificant[number] ? "1" : "0",
        ]
      }
      let times = phases.map { "\($0[number])" }
      return line(
        query + ["item", "\(number)", text(item.id), text(item.label), text(item.group)]
          + columns.map { cell($0?.items[number]) } + (p ?? ["", ""])
          + (times.isEmpty ? ["", "", ""] : times) + [text(unit)])
    }
    func nobody(_ name: String, _ values: [Double?]) -> String {
      line(
        query + [name] + Array(repeating: "", count: 4) + values.map(cell)
          + Array(repeating: "", count: 5) + [text(unit)])
    }
    func measured(_ name: String, _ value: Double) -> String {
      nobody(name, LedgerColumn.allCases.map { account.columns[$0] == nil ? nil : value })
    }
    let groups = ledger.shownGroups.map { group in
      line(
        query + ["group", "", "", "", text(group.name)]
          + LedgerColumn.allCases.map { cell(group.parts[$0]?.net) }
          + Array(repeating: "", count: 5) + [text(unit)])
    }
    return [measured("before", account.measureInitial)] + items + groups + [
      nobody("decay", columns.map { $0?.decay }), nobody("clipping", columns.map { $0?.clipping }),
      nobody("residual", LedgerColumn.allCases.map { account.columns[$0]?.residual }),
      measured("after", account.measureFinal),
    ]
  }

  /// A row for each receipt, a column for each name that predicted.
  static func table(of receipts: [ScoreReport.Receipt]) -> String {
    let predictors = receipts.predictors
    return
      (line(["query", "removed"] + predictors.map(text) + ["actual", "unit"])
      + receipts.map { receipt in
        line(
          [text(receipt.query), text(receipt.removed)]
            + predictors.map { cell(receipt.predicted(by: $0)) }
            + ["\(receipt.actual)", text(receipt.unit)])
      }.joined())
  }

  static func cell(_ value: Double?) -> String { value.map { "\($0 == 0 ? 0 : $0)" } ?? "" }
}
