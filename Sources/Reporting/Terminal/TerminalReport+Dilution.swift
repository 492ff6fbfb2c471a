import Influence

extension TerminalReport {
  /// A table for each axis, and what it says.
  static func lines(of dilution: ScoreReport.Dilution, _ style: Style) -> [String] {
    let findings = dilution.findings
    return dilution.setting.axes.flatMap { axis in
      [
        style.paint("Along the number of \(axis.title); \(dilution.standing(axis))", .heading)
      ] + table(dilution, axis).lines(style)
        + findings.filter { $0.axis == axis }.flatMap { wrapped($0.sentence, style) } + [""]
    } + wrapped(dilution.legend, style)
  }

  private static func table(
    _ dilution: ScoreReport.Dilution, _ axis: DilutionAxis
  ) -> TextTable {
    let quantities = dilution.quantities(axis)
    let hasCopies = quantities.contains(.effectOfAll)
    let headings = ["", axis.rawValue] + quantities.map { $0.title(hasCopies: hasCopies) }
    return TextTable(
      alignments: [.left, .right] + quantities.map { _ in .right },
      rows: [headings.map { .init($0, .faint) }]
        + dilution.setting.kinds.flatMap { kind in
          dilution.setting.points(axis).enumerated().map { place, point in
            [
              .init(place == 0 ? kind.rawValue : ""), .init(HumanNumber.count(point[axis])),
            ] + dilution.cells(axis, kind, at: place).map { .init($0) }
          } + [
            [.init(""), .init("exponent", .faint)]
              + dilution.exponents(axis, kind).map { .init($0, .faint) }
          ]
        }, names: 2)
  }
}
