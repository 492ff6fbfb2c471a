import Influence

extension TerminalReport {
  /// How good the scores of some methods are.
  static func lines(of evaluation: ScoreReport.Evaluation, _ style: Style) -> [String] {
    let table = TextTable(
      alignments: [.left] + evaluation.headings.map { _ in .right },
      rows: [(["method"] + evaluation.headings).map { .init($0, .faint) }]
        + evaluation.methods.map { method in
          ([method.name] + evaluation.cells(method)).map { .init($0) }
        })
    return [
      style.paint("\(evaluation.metric): \(evaluation.summary)".plainLine, .heading)
    ] + table.lines(style) + wrapped(evaluation.legend, style)
      + (evaluation.refusalSentences + evaluation.uncountedSentences).flatMap { wrapped($0, style) }
  }
}
