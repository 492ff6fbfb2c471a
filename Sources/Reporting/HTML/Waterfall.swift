import Influence

/// The way of a measure from before training to after it, one step under the other.
///
/// Each step is drawn from where the one before ended, in inline SVG that takes the width it is
/// given; the numbers stand beside it as text.
struct Waterfall {
  struct Step {
    let label: String
    /// By how much the measure changes.
    let change: Double
    /// Where it is then.
    let end: Double
    /// The style of the bar: `support`, `oppose`, `nobody`, or `level` for the two ends.
    let style: String
    /// Whether it is what the others leave over.
    var isResidual = false
  }

  let steps: [Step]

  /// The way of one column: the items that stand out, the net of all others, what is nobody's.
  init(_ ledger: ScoreReport.QueryLedger, _ column: LedgerColumn) {
    guard let rows = ledger.account.columns[column] else {
      steps = []
      return
    }
    let account = ledger.account
    let sign: Double = account.isLowerBetter ? -1 : 1
    var position = account.measureInitial
    var steps = [
      Step(label: "before training", change: 0, end: position, style: "level")
    ]
    func step(_ label: String, _ value: Double, _ style: String, isResidual: Bool = false) {
      position += sign * value
      steps.append(
        Step(
          label: label, change: sign * value, end: position, style: style, isResidual: isResidual))
    }
    let shown = ledger.supporters.prefix(Self.shown) + ledger.opponents.prefix(Self.shown)
    func style(_ value: Double) -> String { value < 0 ? "oppose" : "support" }
    for item in shown {
      step(ledger.item(item).title(clippedTo: 40), rows.items[item], style(rows.items[item]))
    }
    if shown.count < rows.items.count {
      let rest = rows.itemsSum - shown.reduce(0) { $0 + rows.items[$1] }
      let count = rows.items.count - shown.count
      let name = shown.isEmpty ? "item" : "other item"
      step("\(HumanNumber.count(count)) \(name)\(count == 1 ? "" : "s")", rest, style(rest))
    }
    for (label, effect, value) in [
      ("weight decay", ScoreReport.QueryLedger.Effect.decay, rows.decay),
      ("clipping", .clipping, rows.clipping),
    ] where ledger.effects.contains(effect) || value != 0 { step(label, value, "nobody") }
    step("residual", rows.residual, "nobody", isResidual: true)
    steps.append(
      Step(
        label: "after training", change: 0, end: account.measureFinal, style: "level"))
    self.steps = steps
  }

  /// Items of each side that have a step of their own.
  private static let shown = 5

  /// The rows of a table: what, drawing, change, measure.
  var rows: [Markup] {
    let ends = steps.map(\.end).filter(\.isFinite)
    let (low, high) = (min(ends.min() ?? 0, 0), max(ends.max() ?? 0, 0))
    let scale = high > low ? 200 / (high - low) : 0
    func place(_ value: Double) -> Double { value.isFinite ? (value - low) * scale : 0 }
    let summands = steps.filter { !$0.isResidual }.map(\.change)
    let changes = steps.map { HumanNumber.summand($0.change, of: summands) }
    let measures = HumanNumber.column(steps.map(\.end), isSigned: false)
    return steps.enumerated().map { index, step in
      let isLevel = step.style == "level"
      let start = place(isLevel ? 0 : index > 0 ? steps[index - 1].end : 0)
      let end = place(step.end)
      let drawing = """
        <svg class="step-drawing" viewBox="-1 0 202 20" preserveAspectRatio="none" aria-hidden="true" \
        focusable="false"><line class="zero" x1="\(Bar.number(place(0)))" \
        x2="\(Bar.number(place(0)))" y1="0" y2="20"/>\
        \(index > 0 ? Self.link(at: place(steps[index - 1].end), 0, 4) : nil)\
        \(index + 1 < steps.count ? Self.link(at: end, 16, 20) : nil)\
        <rect class="\(step.style)" x="\(Bar.number(min(start, end)))" y="4" \
        width="\(Bar.number(abs(end - start)))" height="12"/></svg>
        """ as Markup
      let change: Markup? = isLevel ? nil : Markup(text: changes[index])
      return """
        <tr class="\(isLevel ? "level" : "step")"><th scope="row">\
        \(step.label.plainLine.clipped(to: 48))</th><td class="chart">\(drawing)</td>\
        <td class="number \(step.style)">\(change)</td>\
        <td class="number">\(measures[index])</td></tr>

        """
    }
  }

  private static func link(at place: Double, _ top: Int, _ bottom: Int) -> Markup {
    """
    <line class="link" x1="\(Bar.number(place))" x2="\(Bar.number(place))" y1="\(top)" \
    y2="\(bottom)"/>
    """
  }
}
