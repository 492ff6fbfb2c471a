import Influence

extension TerminalReport {
  /// What can be read from gradients of more and more items.
  static func lines(of inversion: ScoreReport.Inversion, _ style: Style) -> [String] {
    let headings = ScoreReport.Inversion.headings
    let table = TextTable(
      alignments: headings.map { _ in .right },
      rows: [headings.map { .init($0, .faint) }]
        + inversion.places.map { place in
          ([HumanNumber.count(place.batchSize)] + inversion.cells(place)).map { .init($0) }
        })
    return [style.paint("What can be read from one gradient of many inputs", .heading)]
      + table.lines(style) + inversion.sentences.flatMap { wrapped($0, style) } + [""]
      + wrapped(inversion.legend, style)
  }
}
