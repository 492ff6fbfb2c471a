import Influence

extension HTMLReport {
  /// Curves, sentences and a table for each axis of a family of runs.
  static func markup(of dilution: ScoreReport.Dilution) -> Markup {
    let findings = dilution.findings
    let axes = dilution.setting.axes.map { axis -> Markup in
      let sentences = findings.filter { $0.axis == axis }.map {
        "<li>\($0.sentence)</li>\n" as Markup
      }
      return """
        <section aria-labelledby="dilution-\(axis.rawValue)">
        <h2 id="dilution-\(axis.rawValue)">Along the number of \(axis.title)</h2>
        <p class="quiet">Everything else stands: \(dilution.standing(axis)).</p>
        <ul class="verdicts">
        \(sentences)</ul>
        \(LogChart.legend(dilution.setting.kinds.map { "\($0.rawValue): \($0.summary)" }))\
        <div class="charts">
        \(charts(dilution, axis))</div>
        \(table(dilution, axis))</section>

        """
    }
    return "\(axes)"
  }

  private static func charts(_ dilution: ScoreReport.Dilution, _ axis: DilutionAxis) -> [Markup] {
    let hasCopies = dilution.quantities(axis).contains(.effectOfAll)
    return dilution.quantities(axis).compactMap { quantity in
      let series = dilution.setting.kinds.enumerated().compactMap { style, kind in
        dilution.curve(axis, kind, quantity).map { LogChart.Series($0, style: style) }
      }
      return LogChart(
        title: "\(quantity.title(hasCopies: hasCopies)): \(quantity.summary)",
        xTitle: axis.title, series: series,
        yText: { quantity.text($0, isTick: true) }
      ).markup(id: "curve-\(axis.rawValue)-\(quantity.rawValue)")
    }
  }

  private static func table(_ dilution: ScoreReport.Dilution, _ axis: DilutionAxis) -> Markup {
    let quantities = dilution.quantities(axis)
    let hasCopies = quantities.contains(.effectOfAll)
    let headings = quantities.map {
      "<th scope=\"col\" class=\"number\">\($0.title(hasCopies: hasCopies))</th>" as Markup
    }
    func cells(_ texts: [String]) -> [Markup] {
      texts.map { "<td class=\"number\">\($0)</td>" }
    }
    let bodies = dilution.setting.kinds.map { kind -> Markup in
      let rows = dilution.setting.points(axis).enumerated().map { place, point -> Markup in
        """
        <tr><th scope="row">\(place == 0 ? kind.rawValue : "")</th>\
        <td class="number">\(HumanNumber.count(point[axis]))</td>\
        \(cells(dilution.cells(axis, kind, at: place)))</tr>

        """
      }
      return """
        <tbody>
        \(rows)<tr class="part"><th scope="row"></th><td class="number">exponent</td>\
        \(cells(dilution.exponents(axis, kind)))</tr>
        </tbody>

        """
    }
    return """
      <div class="wide" role="region" aria-label="Numbers along \(axis.title)" tabindex="0">
      <table class="account many">
      <caption>\(dilution.legend)</caption>
      <thead><tr><td></td><th scope="col" class="number">\(axis.rawValue)</th>\(headings)</tr></thead>
      \(bodies)</table>
      </div>

      """
  }
}

extension LogChart.Series {
  /// A curve with its power law.
  fileprivate init(_ curve: DilutionCurve, style: Int) {
    let points = curve.values.indices.map { place in
      let mean = curve.means[place]
      let range = mean.interval.map {
        " [\(curve.quantity.text($0.lowerBound)), \(curve.quantity.text($0.upperBound))]"
      }
      return LogChart.Point(
        x: Double(curve.values[place]), y: mean.mean, interval: mean.interval,
        text: "\(curve.axis.counted(curve.values[place])): \(curve.quantity.text(mean.mean))"
          + "\(curve.quantity.unit)\(range ?? "")")
    }
    var law: (Double, Double)?
    if case .success(let found) = curve.law { law = (found.factor, found.exponent) }
    self.init(name: curve.kind.rawValue, style: style, points: points, law: law)
  }
}
