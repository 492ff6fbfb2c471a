extension ScoreReport {
  /// The report with the first outputs alone and a note that says so, or as it is where it has no more.
  ///
  /// A page for people has an end; JSON lines and CSV hold every output.
  func cut(toOutputs most: Int) -> ScoreReport {
    let all = queries.count + ledgers.count
    guard all > most else { return self }
    var (report, shown) = (self, 0)
    report.sections = sections.filter { section in
      switch section {
      case .query, .ledger:
        shown += 1
        return shown <= most
      default: return true
      }
    }
    report.uncutQueryCount = queryCount
    report.notes.insert(
      "Of \(HumanNumber.count(all)) outputs the first \(HumanNumber.count(most)) are shown; a file "
        + "for programs, .jsonl or .csv, has all of them.",
      at: 0)
    return report
  }
}
