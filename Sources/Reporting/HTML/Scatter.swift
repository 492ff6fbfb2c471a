/// Points of two numbers in 0 … 1 each, in inline SVG that takes the width it is given.
///
/// What it shows is also said in words, so readers of the screen hear its title alone.
struct Scatter {
  let title: String
  /// What the axes are, along and up.
  let axes: (x: String, y: String)
  let points: [(x: Double, y: Double)]

  /// Points beyond which a page would grow too large.
  static let most = 2_000

  var markup: Markup {
    // Evenly many of them, so that no part of the cloud is left out.
    let step = max(1, (points.count + Self.most - 1) / Self.most)
    let circles = stride(from: 0, to: points.count, by: step).map { index -> Markup in
      let (x, y) = (40 + 340 * points[index].x, 10 + 160 * (1 - points[index].y))
      return "<circle cx=\"\(Bar.number(x))\" cy=\"\(Bar.number(y))\" r=\"2\"/>"
    }
    return """
      <figure><svg class="scatter" viewBox="0 0 390 210" role="img" aria-label="\(title)" \
      focusable="false"><path d="M40 10V170H380" fill="none"/>\(circles)\
      <text x="34" y="14" text-anchor="end">1</text><text x="34" y="174" text-anchor="end">0</text>\
      <text x="210" y="200" text-anchor="middle">\(axes.x)</text>\
      <text x="14" y="90" text-anchor="middle" transform="rotate(-90 14 90)">\(axes.y)</text></svg>\
      <figcaption class="quiet">\(title)</figcaption></figure>
      """
  }
}
