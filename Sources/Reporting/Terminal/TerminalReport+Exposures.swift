import Influence

extension TerminalReport {
  /// How well a model remembers canaries.
  static func lines(of exposures: ScoreReport.Exposures, _ style: Style) -> [String] {
    let headings = ScoreReport.Exposures.headings
    let table = TextTable(
      alignments: [.left] + headings.dropFirst().map { _ in .right },
      rows: [headings.map { .init($0, .faint) }]
        + exposures.outcomes.map { outcome in
          exposures.cells(outcome).enumerated().map { column, text in
            .init(column == 0 ? text.clipped(toWidth: 32) : text)
          }
        })
    return [style.paint("What is remembered", .heading)] + wrapped(exposures.sentence, style)
      + table.lines(style) + wrapped(exposures.legend, style)
  }
}
