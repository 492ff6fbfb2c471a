import Foundation

/// Bars to the right and left of zero, in inline SVG that takes the width it is given.
///
/// The number stands beside it as text, so readers of the screen skip the drawing.
struct Bar {
  /// From −1 to 1, one bar under the other.
  let shares: [(share: Double, style: String)]

  init(_ shares: [(share: Double, style: String)]) { self.shares = shares }

  /// One bar whose colour follows its sign.
  init(_ value: Double, largest: Double) {
    self.init([(value / largest, value < 0 ? "oppose" : "support")])
  }

  var markup: Markup {
    let height = 10 * shares.count
    let bars = shares.enumerated().map { index, bar -> Markup in
      let width = bar.share.isFinite ? min(abs(bar.share), 1) * 100 : 0
      let start = Self.number(bar.share < 0 ? -width : 0)
      return """
        <rect class="\(bar.style)" x="\(start)" y="\(10 * index + 1)" width="\(Self.number(width))" \
        height="8"/>
        """
    }
    return """
      <svg class="bar rows-\(shares.count)" viewBox="-101 0 202 \(height)" \
      preserveAspectRatio="none" aria-hidden="true" focusable="false">\
      \(bars)<line class="zero" x1="0" x2="0" y1="0" y2="\(height)"/></svg>
      """
  }

  static func number(_ value: Double) -> String { String(format: "%.2f", value) }
}
