extension ScoreReport {
  /// The report with the first outputs alone, and the sentence that says so; nil where it has no
  /// more.
  ///
  /// A page for people has an end; JSON lines and CSV hold every output.
  func cut(toOutputs most: Int) -> (report: ScoreReport, sentence: String)? {
    let all = queries.count + ledgers.count
    guard all > most else { return nil }
    var (report, shown) = (self, 0)
    report.sections = sections.filter { section in
      switch section {
      case .query, .ledger:
        shown += 1
        return shown <= most
      default: return true
      }
    }
    return (
      report,
      "Of \(HumanNumber.count(all)) outputs the first \(HumanNumber.count(most)) are shown; a file "
        + "for programs, .jsonl or .csv, has all of them."
    )
  }
}
