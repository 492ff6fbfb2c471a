/// Gradients of a block of queries at points of a step's chord, in whatever form is at hand.
///
/// For one thread at a time.
protocol ChordIntegrand: AnyObject {
  /// The gradients at one point.
  associatedtype Node: AnyObject
  /// D, the queries of the block.
  var count: Int { get }
  /// Takes the gradients at a share of the way from the state before the step to that after it.
  func node(at place: Double) -> Node
  /// Takes the slopes of a node along the chord of another step that it lies on too.
  func takeSlopes(_ node: Node)
  /// Gives back a node that is not used any more.
  func recycle(_ node: Node)
  /// f of a query at the point.
  func value(_ node: Node, _ query: Int) -> Double
  /// ⟨∇f, Δ⟩ for the chord Δ.
  func slope(_ node: Node, _ query: Int) -> Double
  /// Adds `weight` times the gradients of some queries to the integral.
  func add(_ node: Node, weight: Double, of queries: [Int])
}

/// The integral of gradients along the chord of a step, ∫₀¹ ∇f(θ + tΔ) dt, by a rule on panels.
///
/// How far a panel is from the truth is known without a guess: the integral of the slope must be the
/// difference of f between the panel's ends. Panels that miss by more than what is allowed are cut
/// in half, query by query, so that the kinks of a ReLU network are closed in on; a query's panels
/// do not depend on the other queries.
struct ChordQuadrature<Integrand: ChordIntegrand> {
  let integrand: Integrand
  let rule: QuadratureRule
  /// What rounding alone may make of a difference of two measures, as a share of the larger one.
  let noise: Double
  private let everyone: [Int]
  private let isClosed: Bool

  /// Halvings of a step before a panel is taken as it is.
  private static var deepest: Int { 12 }

  init(_ integrand: Integrand, _ rule: QuadratureRule, noise: Double) {
    self.integrand = integrand
    self.rule = rule
    self.noise = noise
    everyone = Array(0..<integrand.count)
    isClosed = rule == .simpson
  }

  /// Adds the integral of a step for all queries.
  ///
  /// - Parameters:
  ///   - ends: f of each query before and after the step.
  ///   - allowed: What each query may miss.
  ///   - last: The node at the end, where it is known.
  /// - Returns: The node at the start, where the rule takes it.
  func integrate(
    ends: [(Double, Double)], allowed: [Double], last: Integrand.Node?
  ) -> Integrand.Node? {
    if let last { integrand.takeSlopes(last) }
    let first = refine(
      0...1, everyone, ends: ends, left: nil, right: isClosed ? last : nil, allowed: allowed,
      depth: 0)
    if let last { integrand.recycle(last) }
    return first
  }

  /// Adds the integral over a panel for some queries.
  ///
  /// - Returns: The node at the start of the panel where the rule takes it and it was not given.
  private func refine(
    _ panel: ClosedRange<Double>, _ active: [Int], ends: [(Double, Double)],
    left: Integrand.Node?, right: Integrand.Node?, allowed: [Double], depth: Int
  ) -> Integrand.Node? {
    let width = panel.upperBound - panel.lowerBound
    let nodes = rule.nodes.map { node in
      let given = !isClosed ? nil : node.place == 0 ? left : node.place == 1 ? right : nil
      return (
        node: given ?? integrand.node(at: panel.lowerBound + node.place * width),
        weight: node.weight * width
      )
    }
    var failing: [Int] = []
    if rule.isRefined, depth < Self.deepest {
      failing = active.filter { query in
        let change = nodes.reduce(0) { $0 + $1.weight * integrand.slope($1.node, query) }
        let missed = abs(ends[query].1 - ends[query].0 - change)
        let rounding = noise * max(abs(ends[query].0), abs(ends[query].1))
        return !(missed <= max(allowed[query] * width, rounding))
      }
    }
    let isFailing = Set(failing)
    let passing = failing.isEmpty ? active : active.filter { !isFailing.contains($0) }
    if !passing.isEmpty {
      for (node, weight) in nodes { integrand.add(node, weight: weight, of: passing) }
    }
    if !failing.isEmpty {
      let place = (panel.lowerBound + panel.upperBound) / 2
      let middle = isClosed ? nodes[1].node : integrand.node(at: place)
      let half = everyone.map { integrand.value(middle, $0) }
      _ = refine(
        panel.lowerBound...place, failing, ends: zip(ends, half).map { ($0.0, $1) },
        left: nodes[0].node, right: middle, allowed: allowed, depth: depth + 1)
      _ = refine(
        place...panel.upperBound, failing, ends: zip(ends, half).map { ($1, $0.1) },
        left: middle, right: nodes[nodes.count - 1].node, allowed: allowed, depth: depth + 1)
      if !isClosed { integrand.recycle(middle) }
    }
    for (place, node) in nodes.map(\.node).enumerated() {
      let isGiven = isClosed && ((place == 0 && left != nil) || (place == 2 && right != nil))
      let isReturned = isClosed && place == 0
      if !isGiven && !isReturned { integrand.recycle(node) }
    }
    return isClosed && left == nil ? nodes[0].node : nil
  }
}
