import Foundation

/// Curves over two logarithmic axes, in inline SVG that takes the width it is given.
///
/// Every point can be reached with the keyboard and then shows its numbers; the style of a series is
/// a colour and a shape, so that no colour has to be told from another.
struct LogChart {
  struct Point {
    let x: Double
    let y: Double
    let interval: ClosedRange<Double>?
    /// Its numbers, for the label and for readers of the screen.
    let text: String
  }

  struct Series {
    let name: String
    /// 0, 1 or 2: its colour and its shape.
    let style: Int
    let points: [Point]
    /// The fitted power law, factor and exponent; nil for none.
    let law: (factor: Double, exponent: Double)?
  }

  let title: String
  /// What the horizontal axis counts.
  let xTitle: String
  let series: [Series]
  /// How a number of the vertical axis is written.
  let yText: (Double) -> String

  private static let size = (width: 560.0, height: 330.0)
  private static let plot = (left: 62.0, right: 548.0, top: 14.0, bottom: 282.0)

  /// The drawing; nil where no number is above zero.
  func markup(id: String) -> Markup? {
    let points = series.flatMap(\.points).filter { $0.y > 0 && $0.x > 0 }
    guard let x = LogScale(points.map(\.x), Self.plot.left, Self.plot.right),
      let y = LogScale(points.map(\.y), Self.plot.bottom, Self.plot.top)
    else { return nil }
    return """
      <figure class="curves">
      <figcaption id="\(id)">\(title)</figcaption>
      <svg viewBox="0 0 \(Bar.number(Self.size.width)) \(Bar.number(Self.size.height))" \
      role="group" aria-labelledby="\(id)">\
      \(grid(x, y))\(series.map { drawing($0, x, y) })\
      <text class="axis" x="\(Bar.number((Self.plot.left + Self.plot.right) / 2))" \
      y="\(Bar.number(Self.size.height - 8))" text-anchor="middle" aria-hidden="true">\(xTitle)</text>\
      </svg>
      </figure>

      """
  }

  private func grid(_ x: LogScale, _ y: LogScale) -> Markup {
    let columns = Set(series.flatMap(\.points).map(\.x)).sorted().map { value -> Markup in
      let place = Bar.number(x.place(value))
      return """
        <line class="grid" x1="\(place)" x2="\(place)" y1="\(Bar.number(Self.plot.top))" \
        y2="\(Bar.number(Self.plot.bottom))"/>\
        <text class="tick" x="\(place)" y="\(Bar.number(Self.plot.bottom + 18))" \
        text-anchor="middle">\(HumanNumber.count(Int(value)))</text>
        """
    }
    let rows = y.ticks.map { value -> Markup in
      let place = y.place(value)
      return """
        <line class="grid" x1="\(Bar.number(Self.plot.left))" x2="\(Bar.number(Self.plot.right))" \
        y1="\(Bar.number(place))" y2="\(Bar.number(place))"/>\
        <text class="tick" x="\(Bar.number(Self.plot.left - 8))" y="\(Bar.number(place + 4))" \
        text-anchor="end">\(yText(value))</text>
        """
    }
    return "<g aria-hidden=\"true\">\(columns)\(rows)</g>"
  }

  private func drawing(_ series: Series, _ x: LogScale, _ y: LogScale) -> Markup {
    let points = series.points.filter { $0.y > 0 && $0.x > 0 }
    let way = points.map { "\(Bar.number(x.place($0.x))),\(Bar.number(y.place($0.y)))" }
      .joined(separator: " ")
    var line: Markup?
    if let law = series.law, let first = points.first?.x, let last = points.last?.x {
      func end(_ value: Double) -> (String, String) {
        let height = y.place(law.factor * pow(value, law.exponent))
        return (
          Bar.number(x.place(value)), Bar.number(min(max(height, Self.plot.top), Self.plot.bottom))
        )
      }
      let (from, to) = (end(first), end(last))
      line = """
        <line class="law" x1="\(from.0)" y1="\(from.1)" x2="\(to.0)" y2="\(to.1)"/>
        """
    }
    return """
      <g class="series-\(series.style)"><g aria-hidden="true">\(line)\
      <polyline points="\(way)"/></g>\(points.map { drawing($0, series, x, y) })</g>
      """
  }

  private func drawing(
    _ point: Point, _ series: Series, _ x: LogScale, _ y: LogScale
  ) -> Markup {
    let (across, down) = (x.place(point.x), y.place(point.y))
    var bar: Markup?
    if let interval = point.interval {
      func end(_ value: Double) -> String {
        Bar.number(
          value > 0 ? min(max(y.place(value), Self.plot.top), Self.plot.bottom) : Self.plot.bottom)
      }
      bar = """
        <line x1="\(Bar.number(across))" x2="\(Bar.number(across))" \
        y1="\(end(interval.upperBound))" y2="\(end(interval.lowerBound))"/>
        """
    }
    // Near an edge the label would leave the drawing.
    let middle = (Self.plot.left + Self.plot.right) / 2
    let reach = (Self.plot.right - Self.plot.left) / 4
    let anchor = across < middle - reach ? "start" : across > middle + reach ? "end" : "middle"
    let above = down > Self.plot.top + 30
    return """
      <g class="point" tabindex="0" role="img" aria-label="\(series.name), \(point.text)">\(bar)\
      \(Self.shape(series.style, across, down))\
      <text class="value" aria-hidden="true" x="\(Bar.number(across))" \
      y="\(Bar.number(above ? down - 12 : down + 22))" text-anchor="\(anchor)">\(point.text)</text></g>
      """
  }

  /// A circle, a square or a triangle of about the same area.
  private static func shape(_ style: Int, _ x: Double, _ y: Double) -> Markup {
    func number(_ value: Double) -> String { Bar.number(value) }
    return switch style {
    case 0: "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"5\"/>"
    case 1:
      "<rect x=\"\(number(x - 4.5))\" y=\"\(number(y - 4.5))\" width=\"9\" height=\"9\"/>"
    default:
      """
      <polygon points="\(number(x)),\(number(y - 6.5)) \(number(x - 6)),\(number(y + 4.5)) \
      \(number(x + 6)),\(number(y + 4.5))"/>
      """
    }
  }

  /// Which colour and shape is which series.
  static func legend(_ names: [String]) -> Markup {
    let entries = names.enumerated().map { style, name -> Markup in
      """
      <li><svg class="series-\(style)" viewBox="0 0 20 16" aria-hidden="true" focusable="false">\
      \(shape(style, 10, 8))</svg>\(name)</li>

      """
    }
    return "<ul class=\"legend\">\n\(entries)</ul>\n"
  }
}

/// Where numbers stand on a logarithmic axis.
private struct LogScale {
  private let low: Double
  private let high: Double
  private let start: Double
  private let end: Double

  /// Nil where there are no numbers.
  init?(_ values: [Double], _ start: Double, _ end: Double) {
    guard let least = values.min(), let most = values.max() else { return nil }
    let margin = max((log10(most) - log10(least)) * 0.05, 0.05)
    low = log10(least) - margin
    high = log10(most) + margin
    self.start = start
    self.end = end
  }

  func place(_ value: Double) -> Double {
    start + (log10(value) - low) / (high - low) * (end - start)
  }

  /// Round numbers, as many of a decade as there is room for.
  var ticks: [Double] {
    let steps: [Double] = high - low < 1.2 ? [1, 2, 5] : high - low < 2.5 ? [1, 3] : [1]
    let decades = Int(low.rounded(.down))...Int(high.rounded(.up))
    let every = max(1, (decades.count + 6) / 7)
    return decades.filter { $0 % every == 0 }.flatMap { decade in
      steps.map { $0 * pow(10, Double(decade)) }
    }.filter { low <= log10($0) && log10($0) <= high }
  }
}
