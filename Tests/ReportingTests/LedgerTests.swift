import Formats
import Influence
import Reporting
import Testing
import Training

@Suite("accounts")
struct LedgerTests {
  /// Two supporters, an opponent, a bystander: 0.75 in all.
  private let rows = [1.0, -0.5, 0, 0.25]

  private func text(_ ledger: ScoreReport.QueryLedger, width: Int = 80) -> String {
    TerminalReport.render(
      Sample.report([.ledger(ledger)], items: rows.count), style: .init(width: width))
  }

  private func json(_ ledger: ScoreReport.QueryLedger) throws -> JSONValue {
    let line = JSONLinesReport.results(Sample.report([.ledger(ledger)]))
    return try JSONValue(ByteSource(Array(line.utf8), name: "line"))
  }

  // MARK: People

  @Test("the lines lead from before to after") func lines() throws {
    let ledger = Sample.ledger(
      Sample.account(rows, decay: -0.125, residual: 1e-9), effects: [.decay])
    let lines = text(ledger).split(separator: "\n").map(String.init)
    let start = try #require(lines.firstIndex { $0.contains("loss before training") })
    #expect(
      Array(lines[start - 1...start + 9]) == [
        "                               credit",
        "    loss before training        2.500",
        "  − 4 items                   +0.7500",
        "      supporters              +1.2500",
        "      opponents               −0.5000",
        "      first epoch             +0.3750",
        "      between                 +0.2250",
        "      last epoch              +0.1500",
        "  − weight decay              −0.1250",
        "  − residual              +1.0 × 10⁻⁹",
        "  = loss after training         1.875",
      ])
    #expect(
      lines.contains {
        $0.hasPrefix("  Training lowered the loss from 2.500 to 1.875, by 0.6250 nats")
      })
  }

  @Test("printed rows add up: what is nobody's has the decimals of the items")
  func printedSum() throws {
    let ledger = Sample.ledger(
      Sample.account(rows, decay: -0.01254, clipping: 1e-6, residual: 0.00236))
    let lines = text(ledger).split(separator: "\n").map(String.init)
    for row in [
      "− weight decay             −0.01254", "− clipping              +1.0 × 10⁻⁶",
      "− residual                 +0.00236",
    ] { #expect(lines.contains("  " + row), "\(row)") }
    let page = HTMLReport.render(Sample.report([.ledger(ledger)]))
    let waterfall = try #require(page.firstRange(of: "Each step starts where"))
    let end = page[waterfall.upperBound...]
    for change in [">+0.0125</td>", ">−1.0 × 10⁻⁶</td>", ">−0.0024</td>"] {
      #expect(end.contains(change), "\(change)")
    }
  }

  @Test("a time without steps is not shown, nor a single one")
  func phases() {
    var account = Sample.account(rows)
    let none = rows.map { _ in 0.0 }
    account.columns[.credit]?.phases = [rows.map { $0 / 2 }, none, rows.map { $0 / 2 }]
    for format in [text(Sample.ledger(account), width: 120), page(account)] {
      #expect(format.contains("first epoch") && format.contains("last epoch"))
      #expect(!format.contains("between"))
    }
    account.columns[.credit]?.phases = [rows, none, none]
    for format in [text(Sample.ledger(account), width: 120), page(account)] {
      #expect(!format.contains("first epoch") && !format.contains("last epoch"))
    }
  }

  private func page(_ account: OutputAccount) -> String {
    HTMLReport.render(Sample.report([.ledger(Sample.ledger(account))]))
  }

  @Test("where more is better, rows are added") func raised() {
    let account = Sample.account(rows, isLowerBetter: false)
    var report = Sample.report([.ledger(Sample.ledger(account))])
    report.measure = .margin
    let text = TerminalReport.render(report)
    #expect(text.contains("  + 4 items"))
    #expect(text.contains("  = margin after training     3.250"))
    #expect(HTMLReport.render(report).contains("Before + rows = after."))
  }

  @Test("a row that cannot occur is not there; one that can is, even at zero") func nobody() {
    let account = Sample.account(rows)
    #expect(!text(Sample.ledger(account)).contains("weight decay"))
    #expect(!text(Sample.ledger(account)).contains("clipping"))
    let both = text(Sample.ledger(account, effects: [.decay, .clipping]))
    #expect(both.contains("− weight decay") && both.contains("− clipping"))
    #expect(text(Sample.ledger(Sample.account(rows, clipping: 0.1))).contains("− clipping"))
  }

  @Test("what balances, what does not, and what is refused with its residual") func verdicts() {
    // |−0.001| of 1.75 in credit; 0.9 of 0.75 in integrated.
    let account = Sample.threeColumns(
      rows, refusal: "no convergence with 8 nodes.", residual: -1e-3)
    for page in [
      text(Sample.ledger(account, tolerance: 1e-3), width: 400),
      HTMLReport.render(Sample.report([.ledger(Sample.ledger(account, tolerance: 1e-3))])),
    ] {
      #expect(
        page.contains("The column credit balances: its residual is 0.00057 of the gross movement."))
      #expect(
        page.contains(
          "The column integrated is refused: no convergence with 8 nodes. Its residual is +0.0740 ")
      )
    }
    #expect(
      text(Sample.ledger(account), width: 400).contains(
        "The column credit does not balance: its residual is 0.00057 of the gross movement, and "
          + "0.00010 is tolerated."))
    #expect(!text(Sample.ledger(account)).contains("marginal balances"))
  }

  @Test("a refused column has no numbers beside the items") func refused() throws {
    let account = Sample.threeColumns(rows, refusal: "no")
    let lines = text(Sample.ledger(account)).split(separator: "\n").map(String.init)
    #expect(lines.contains { $0.hasPrefix("     supporters") && !$0.contains("integrated") })
    #expect(lines.contains { $0.contains("− 4 items") && $0.hasSuffix("refused") })
    #expect(lines.contains { $0.hasPrefix("  − residual") && $0.hasSuffix("  0") })
    let alone = OutputAccount(
      measureInitial: 1, measureFinal: 0.5, isLowerBetter: true,
      columns: [.integrated: LedgerAccount(items: rows, residual: -0.25, refusal: "no")])
    for format in ReportRegistry.all {
      let text = format.render(Sample.report([.ledger(Sample.ledger(alone))]))
      #expect(!text.contains("train:"), "\(format.name)")
    }
  }

  @Test("supporters by falling, opponents by rising credit, in all columns") func order() throws {
    let lines = text(Sample.ledger(Sample.threeColumns(rows)), width: 120).split(separator: "\n")
      .map(
        String.init)
    let start = try #require(lines.firstIndex { $0.hasPrefix("     supporters") })
    #expect(
      Array(lines[start...start + 4])
        == [
          "     supporters  label  credit  marginal  integrated  first epoch  between  last epoch",
          "  1  train:0     4      +1.000    +0.500      +0.900      +0.5000  +0.3000     +0.2000",
          "  2  train:3     4      +0.250    +0.125      +0.225      +0.1250  +0.0750     +0.0500",
          "     opponents   label  credit  marginal  integrated  first epoch  between  last epoch",
          "  1  train:1     4      −0.500    −0.250      −0.450      −0.2500  −0.1500     −0.1000",
        ])
  }

  @Test("a narrow terminal gets what fits") func narrow() {
    let ledger = Sample.ledger(
      Sample.threeColumns(rows), effects: [.decay, .clipping],
      item: { .init(id: "train:\($0)", label: "a long label of it", group: "a long group \($0)") })
    for width in [60, 80, 120] {
      // The setting above the accounts is not broken.
      let lines = text(ledger, width: width).split(separator: "\n").drop { $0 != "test:3  label 4" }
      let longest = lines.map(\.count).max() ?? 0
      #expect(longest > 0 && longest <= width)
    }
    #expect(text(ledger, width: 120).contains("last epoch  "))
  }

  @Test("items that are owed more than a stranger are marked") func claims() {
    // No stranger has as much as the first two, all have as much as the last.
    let claimed = Significance(atLeast: [0, 0, 0, 99], of: [99, 99, 0, 99])
    let page = text(
      Sample.ledger(Sample.threeColumns(rows, significance: claimed)), width: 400)
    #expect(page.contains("This output owes 2 items of 3 more than it would owe a stranger"))
    #expect(page.contains("0.010*") && page.contains("  1.0\n") == false)
    let few = Significance(atLeast: [0, 0, 1, 2], of: [2, 2, 2, 2])
    let none = text(Sample.ledger(Sample.threeColumns(rows, significance: few)), width: 400)
    #expect(none.contains("For no item of 4 does it hold at 5\u{202f}%"))
    #expect(none.contains("the smallest p-value that so few strangers allow, 0.33, is too large"))
    let nobody = Significance(atLeast: [0, 0, 0, 0], of: [0, 0, 0, 0])
    #expect(nobody.sentence.hasPrefix("No stranger could stand in"))
  }

  @Test("groups add up their items") func groups() throws {
    let ledger = Sample.ledger(
      Sample.account(rows), item: { .init(id: "train:\($0)", group: $0 < 2 ? "Anna" : "") })
    #expect(ledger.groups.map(\.name) == ["Anna", ""])
    #expect(ledger.groups.map(\.count) == [2, 2])
    #expect(ledger.groups.map { $0.parts[.credit]?.net } == [0.5, 0.25])
    #expect(text(ledger).contains(/\ {2}Anna +2 +\+0\.500 +86.%\n/))
    #expect(try json(ledger)["groups"]?.array?.count == 2)
  }

  // MARK: Programs

  @Test("JSON has the agreed keys, and null where nothing is known") func keys() throws {
    let object = try json(Sample.ledger(Sample.threeColumns(rows, refusal: "no")))
    let agreed = [
      "itemsSum", "decay", "clipping", "residual", "gross", "effectiveContributors",
      "entropyContributors", "topShare", "cancellation", "significantItems",
    ]
    for column in LedgerColumn.allCases {
      let names = object[column.rawValue]?.members?.map(\.name) ?? []
      #expect(Set(names).isSuperset(of: agreed))
      #expect(names == names.sorted())
    }
    #expect(object["id"]?.string == "test:3")
    #expect(object["measureInitial"]?.double == 2.5 && object["measureFinal"]?.double == 1.75)
    let credit = try #require(object["credit"])
    #expect(credit["itemsSum"]?.double == 0.75 && credit["gross"]?.double == 1.75)
    #expect(credit["topShare"]?.double == 1 / 1.75 && credit["balances"] == .bool(true))
    #expect(credit["significantItems"] == .null && credit["refusal"] == .null)
    #expect(credit["top"]?.array?.map { $0["score"]?.double } == [1, 0.25, -0.5])
    #expect(object["marginal"]?["balances"] == .null)
    let integrated = try #require(object["integrated"])
    #expect(integrated["refusal"]?.string == "no" && integrated["gross"] == .null)
    #expect(integrated["residual"]?.double == 0.75 - 0.9 * 0.75)
    #expect(object["rankCorrelations"]?["credit-marginal"]?.double == 1)
    #expect(try json(Sample.ledger(Sample.account(rows)))["marginal"] == nil)
  }

  @Test("the rows of the table add up to the measured change") func table() throws {
    let account = Sample.account(rows, decay: -0.3, clipping: 0.2, residual: 1e-7)
    let table = try parseCSV(CSVReport.render(Sample.report([.ledger(Sample.ledger(account))])))
    #expect(Set(table.map(\.count)) == [16])
    let credit = try #require(table[0].firstIndex(of: "credit"))
    #expect(
      table.dropFirst().map { $0[2] } == [
        "before", "item", "item", "item", "item", "decay", "clipping", "residual", "after",
      ])
    #expect(Double(table[1][credit]) == 2.5 && Double(table[9][credit]) == account.measureFinal)
    let sum = table[2..<9].reduce(0) { $0 + (Double($1[credit]) ?? .nan) }
    // Seven numbers added in one order and in another.
    #expect(abs(sum - account.total) < 1e-15)
    #expect(table.dropFirst().allSatisfy { $0[credit + 1].isEmpty })
  }

  // MARK: Receipts

  @Test("every column is measured by what came out") func fits() throws {
    let fits = Sample.receipts(4).fits
    #expect(fits.map(\.name) == ["credit", "marginal", "integrated"])
    #expect(fits.map(\.agreeing) == [4, 4, 0])
    let slopes = fits.compactMap(\.correlation.slope)
    for (slope, expected) in zip(slopes, [0.5, 1, -1]) { #expect(abs(slope - expected) < 1e-12) }
    let text = TerminalReport.render(Sample.report([.receipts(Sample.receipts(4))]))
    #expect(text.contains("  marginal             4   1.00     1.00      1.00         4 of 4\n"))
    let mixed = Sample.receipts(2) + Sample.receipts(2, refused: true)
    #expect(mixed.fits.map(\.count) == [4, 4, 2])
    #expect(TerminalReport.render(Sample.report([.receipts(mixed)])).contains("  refused\n"))
    let table = try parseCSV(CSVReport.render(Sample.report([.receipts(mixed)])))
    #expect(table[0] == ["query", "removed", "credit", "marginal", "integrated", "actual", "unit"])
    #expect(table[4][4] == "" && Double(table[1][4]) == -0.1)
    let lines = try JSONLinesReport.results(Sample.report([.receipts(mixed)]))
      .split(separator: "\n").map { try JSONValue(ByteSource(Array($0.utf8), name: "line")) }
    #expect(lines[2]["predicted"]?["integrated"] == .null)
    // What was always refused foresaw nothing, and is shown all the same.
    let refused = Sample.receipts(3, refused: true)
    #expect(refused.predictors.last == "integrated" && refused.fits.count == 2)
  }

  @Test("what came out is there on a narrow terminal, however long the names are")
  func narrowReceipts() throws {
    let long = String(repeating: "a long name ", count: 10)
    let receipts = Sample.receipts(4).map { receipt in
      var receipt = receipt
      (receipt.query, receipt.removed) = (long, "列車" + long)
      receipt.actual *= 1e5
      return receipt
    }
    let text = TerminalReport.render(Sample.report([.receipts(receipts)]))
    let lines = text.split(separator: "\n").map(String.init)
    let start = try #require(lines.firstIndex { $0.hasSuffix("predicted by") })
    let heads = lines[start + 1].split(separator: " ")
    #expect(heads == ["query", "removed", "actual", "credit", "marginal", "integrated"])
    // The caption stands over the first column that predicted.
    let credit = try #require(lines[start + 1].firstRange(of: "credit"))
    #expect(
      lines[start].count - "predicted by".count
        <= lines[start + 1].distance(from: lines[start + 1].startIndex, to: credit.lowerBound))
    for line in lines[start + 2..<start + 6] {
      // Four wide characters take eight cells.
      #expect(line.count <= 80 && line.split(separator: " ").suffix(4).allSatisfy(isNumber))
    }
    #expect(lines[start + 6] == "  Changes in nats.")
  }

  private func isNumber(_ text: Substring) -> Bool { text.contains(/^[+−]?[0-9.\u{202f}]+$/) }
}
