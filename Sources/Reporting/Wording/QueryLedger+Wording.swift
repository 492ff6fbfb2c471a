import Influence

// What several formats for people say in the same words.

extension ScoreReport.QueryLedger {
  /// A line of the account: from the measure before training to the measure after it.
  struct Line {
    enum Role: String {
      case before, items, part, nobody, residual, after
    }

    let label: String
    let role: Role
    /// What stands in each column; in the measure's own sign for its two lines, else positive for
    /// support.
    let values: [LedgerColumn: Double]
  }

  /// The account: before − rows = after where lower is better, else before + rows = after.
  func lines(of measure: String) -> [Line] {
    let rows = account.columns.filter { $0.value.refusal == nil }
    let balanced = account.columns.filter { $0.key.balances }
    func measured(_ role: Line.Role, _ value: Double) -> Line {
      Line(
        label: "\(measure) \(role.rawValue) training", role: role,
        values: balanced.mapValues { _ in value })
    }
    func line(
      _ label: String, _ role: Line.Role, _ value: (LedgerAccount) -> Double
    ) -> Line { Line(label: label, role: role, values: rows.mapValues(value)) }
    func nobody(
      _ label: String, _ effect: Effect, _ value: (LedgerAccount) -> Double
    ) -> [Line] {
      // A marginal has no such row.
      let values = rows.filter { $0.key.balances || value($0.value) != 0 }.mapValues(value)
      return effects.contains(effect) || values.values.contains { $0 != 0 }
        ? [Line(label: label, role: .nobody, values: values)] : []
    }
    let phased = rows.filter { $0.value.phases.count == Self.phaseNames.count }
    let phases = shownPhases.map { phase in
      Line(
        label: Self.phaseNames[phase], role: .part,
        values: phased.mapValues { $0.phases[phase].reduce(0, +) })
    }
    return [
      measured(.before, account.measureInitial),
      line(itemCount == 1 ? "1 item" : "\(HumanNumber.count(itemCount)) items", .items) {
        $0.itemsSum
      },
      line("supporters", .part) { $0.items.reduce(0) { $0 + max($1, 0) } },
      line("opponents", .part) { $0.items.reduce(0) { $0 + min($1, 0) } },
    ] + phases + nobody("weight decay", .decay) { $0.decay }
      + nobody("clipping", .clipping) { $0.clipping } + [
        Line(
          label: "residual", role: .residual,
          values: rows.filter { $0.key.balances }.mapValues(\.residual)),
        measured(.after, account.measureFinal),
      ]
  }

  /// The numbers of the lines for each column; what is not known is nil.
  ///
  /// All rows of a column have as many decimals, so that the printed numbers add up; one of which
  /// these would show nothing has digits of its own.
  func texts(of lines: [Line]) -> [[String?]] {
    let columns = self.columns.map { column -> [String?] in
      let isSummand = { (line: Line) in [.items, .part, .nobody].contains(line.role) }
      let summands = lines.filter(isSummand).compactMap { $0.values[column] }
      return lines.map { line in
        guard let value = line.values[column] else {
          return line.role == .items && account.columns[column]?.refusal != nil ? "refused" : nil
        }
        return switch line.role {
        case .before, .after: HumanNumber.significant(value, digits: 4)
        case .items, .part, .nobody, .residual:
          HumanNumber.summand(value, of: summands, digits: 4)
        }
      }
    }
    return lines.indices.map { place in columns.map { $0[place] } }
  }

  /// How the lines lead from before to after.
  func signCaption(_ measure: String) -> String {
    account.isLowerBetter
      ? "Positive rows support the output: they lower the \(measure). Before − rows = after."
      : "Positive rows support the output: they raise the \(measure). Before + rows = after."
  }

  /// What the three parts of a row by time are called.
  private static let phaseNames = ["first epoch", "between", "last epoch"]

  /// The parts by time in which anything happened, as a short run has not all of them; none where
  /// that is a single one.
  private var shownPhases: [Int] {
    let columns = account.columns.values.filter {
      $0.refusal == nil && $0.phases.count == Self.phaseNames.count
    }
    let phases = Self.phaseNames.indices.filter { phase in
      columns.contains { $0.phases[phase].contains { $0 != 0 } }
    }
    return phases.count > 1 ? phases : []
  }

  /// What the shown parts of a row by time are called.
  var shownPhaseNames: [String] { shownPhases.map { Self.phaseNames[$0] } }

  /// Before and after, and by how much.
  func change(_ measure: String, unit: String) -> String {
    let (before, after) = (account.measureInitial, account.measureFinal)
    let verb = after == before ? "left" : after < before ? "lowered" : "raised"
    let from = HumanNumber.significant(before, digits: 4)
    guard after != before else { return "Training left the \(measure) at \(from)." }
    return "Training \(verb) the \(measure) from \(from) to "
      + "\(HumanNumber.significant(after, digits: 4)), by "
      + "\(HumanNumber.significant(abs(after - before), digits: 4)) \(unit)."
  }

  /// Whether the rows of each column add up, and which columns have no answer; a sentence each.
  func verdicts(unit: String) -> [String] {
    columns.compactMap { column in
      guard let rows = account.columns[column] else { return nil }
      let share =
        rows.relativeResidual.isFinite
        ? "\(HumanNumber.significant(rows.relativeResidual, digits: 2)) of the gross movement"
        : "with nothing moved"
      if let refusal = rows.refusal {
        let reason = refusal.hasSuffix(".") ? String(refusal.dropLast()) : refusal
        return "The column \(column.rawValue) is refused: \(reason). Its residual is "
          + "\(HumanNumber.signed(rows.residual)) \(unit), \(share)."
      }
      guard let isBalanced = balances(column) else { return nil }
      if isBalanced {
        return "The column \(column.rawValue) balances: its residual is \(share)."
      }
      return "The column \(column.rawValue) does not balance: its residual is \(share), and "
        + "\(HumanNumber.significant(tolerance, digits: 2)) is tolerated."
    }
  }

  /// What the sentence about the leading column leaves out; nil where nothing moved.
  var moreFigures: String? {
    guard let leading, let statistics = statistics[leading], statistics.cocktail.gross > 0 else {
      return nil
    }
    return "By entropy \(HumanNumber.significant(statistics.cocktail.entropyContributors)) equal "
      + "contributors; Gini coefficient \(HumanNumber.significant(statistics.gini, digits: 2))."
  }

  /// How similarly the columns rank the items; nil for one column.
  var correlationSentence: String? {
    guard !correlations.isEmpty else { return nil }
    let pairs = correlations.map { pair in
      "\(pair.first.rawValue) and \(pair.second.rawValue) "
        + (pair.spearman.map { HumanNumber.significant($0) } ?? "–")
    }
    return "Rank correlations: \(pairs.joined(separator: ", "))."
  }

  /// The figures that the statistics of a column rest on, with their names.
  func figures(_ column: LedgerColumn) -> [(name: String, value: String)] {
    guard let statistics = statistics[column], statistics.cocktail.gross > 0 else { return [] }
    let cocktail = statistics.cocktail
    func part(_ name: String, _ part: LedgerPart?) -> [(String, String)] {
      part.map {
        [
          (name, HumanNumber.percent($0.share)),
          ("\(name), share of items", HumanNumber.percent($0.itemShare)),
        ]
      } ?? []
    }
    return [
      ("contributors", HumanNumber.significant(cocktail.effectiveContributors)),
      ("by entropy", HumanNumber.significant(cocktail.entropyContributors)),
      ("strongest", HumanNumber.percent(cocktail.topShare)),
      (
        "strongest 1 %, items: \(HumanNumber.count(statistics.strongestPercentCount))",
        HumanNumber.percent(statistics.strongestPercentShare)
      ),
    ] + part("own class", statistics.ownClass) + part("own group", statistics.ownGroup) + [
      ("Gini", HumanNumber.significant(statistics.gini, digits: 2)),
      ("cancelled", HumanNumber.percent(cocktail.cancelledShare)),
    ]
  }

  /// The p-value of an item, marked where the claim holds; nil without significance.
  func pValue(_ item: Int) -> String? {
    guard let significance = account.significance else { return nil }
    guard let p = significance.pValues[item] else { return "–" }
    return HumanNumber.significant(p, digits: 2) + (significance.isSignificant[item] ? "*" : "")
  }

  /// The numbers of some items in every column, as many decimals in each column.
  func values(_ items: [Int]) -> [[LedgerColumn: String]] {
    let texts = answered.map { column in
      (column, HumanNumber.column(items.map { account.columns[column]?.items[$0] ?? .nan }))
    }
    return items.indices.map { place in
      Dictionary(uniqueKeysWithValues: texts.map { ($0, $1[place]) })
    }
  }

  /// What the leading column gives some items in each shown part of the time, as texts; nil where it
  /// knows no time.
  func phases(_ items: [Int]) -> [[String]]? {
    let shown = shownPhases
    guard !shown.isEmpty, let leading, let phases = account.columns[leading]?.phases,
      phases.count == Self.phaseNames.count
    else { return nil }
    let texts = HumanNumber.column(items.flatMap { item in shown.map { phases[$0][item] } })
    return items.indices.map { place in
      Array(texts[shown.count * place..<shown.count * (place + 1)])
    }
  }
}
