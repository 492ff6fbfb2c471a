import TensorCore
import Training

/// The integral of gradients along the chord of a step, ∫₀¹ ∇f(θ + tΔ) dt, by a rule on panels.
///
/// How far a panel is from the truth is known without a guess: the integral of the slope must be the
/// difference of f between the panel's ends. A panel that misses by more than it may is cut in half,
/// query by query, so that the kinks of a ReLU network are closed in on; the halves together may miss
/// as much, and what the better one leaves goes to the other. A query's panels do not depend on the
/// other queries.
struct ChordQuadrature<Scalar: TensorScalar> {
  let gradients: ChordGradients<Scalar>
  let rule: QuadratureRule
  /// What rounding alone may make of a difference of two measures, as a share of the larger one.
  let noise: Double
  private let integral: any ChordIntegral<Scalar>
  private let everyone: [Int]
  private let isClosed: Bool

  private typealias Node = ChordGradients<Scalar>.Node

  /// A part of the chord.
  private struct Panel {
    let start: Double
    let width: Double
    let nodes: [(node: Node, weight: Double)]

    /// Half way: every rule that is refined has a node there.
    var middle: Node { nodes[nodes.count / 2].node }
  }

  /// Halvings of a step before a panel is taken as it is.
  private static var deepest: Int { 12 }

  /// Halvings in a row without help after which a panel is taken as it is.
  private static var mostStalls: Int { 2 }

  init(
    _ gradients: ChordGradients<Scalar>, into integral: any ChordIntegral<Scalar>,
    _ rule: QuadratureRule, noise: Double
  ) {
    self.gradients = gradients
    self.integral = integral
    self.rule = rule
    self.noise = noise
    everyone = Array(0..<gradients.count)
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
    ends: [(Double, Double)], allowed: [Double], last: ChordGradients<Scalar>.Node?
  ) -> ChordGradients<Scalar>.Node? {
    if let last { integral.takeSlopes(last) }
    let whole = panel(0, 1, everyone, left: nil, right: last)
    let failing =
      rule.isRefined
      ? everyone.filter { !(missed(whole, $0, ends[$0]) <= allowed[$0]) } : []
    add(whole, everyone.without(failing))
    if !failing.isEmpty {
      let misses = everyone.map { missed(whole, $0, ends[$0]) }
      split(whole, failing, ends, allowed, misses, stalls: everyone.map { _ in 0 }, depth: 1)
    }
    for (node, _) in whole.nodes { take(node) }
    for (node, _) in whole.nodes.dropFirst(isClosed ? 1 : 0) { gradients.recycle(node) }
    return isClosed ? whole.nodes[0].node : nil
  }

  /// Adds the integral over a panel in two halves for some queries.
  ///
  /// - Parameters:
  ///   - ends: f of each query at the ends of the panel.
  ///   - allowed: What each query may miss on the panel.
  ///   - before: What each query misses on the panel as a whole.
  ///   - stalls: How often in a row halving has not helped each query where little is missed: a
  ///     kink's miss halves, that of rounding in the measure's outputs stays.
  private func split(
    _ whole: Panel, _ queries: [Int], _ ends: [(Double, Double)], _ allowed: [Double],
    _ before: [Double], stalls: [Int], depth: Int
  ) {
    let (half, middle) = (whole.width / 2, whole.middle)
    let (left, right) = (whole.nodes[0].node, whole.nodes[whole.nodes.count - 1].node)
    let first = panel(whole.start, half, queries, left: left, right: middle)
    let second = panel(whole.start + half, half, queries, left: middle, right: right)
    var (firstEnds, secondEnds) = (ends, ends)
    var (firstAllowed, secondAllowed) = (allowed, allowed)
    var (firstFailing, secondFailing): ([Int], [Int]) = ([], [])
    var (firstMisses, secondMisses, stalls) = (before, before, stalls)
    for query in queries {
      let value = middle.values[query]
      firstEnds[query].1 = value
      secondEnds[query].0 = value
      if depth >= Self.deepest { continue }
      let all = allowed[query]
      let misses = (
        missed(first, query, firstEnds[query]), missed(second, query, secondEnds[query])
      )
      (firstMisses[query], secondMisses[query]) = misses
      let rounding = 8 * noise * max(1, abs(ends[query].0), abs(ends[query].1))
      let hasHelped = misses.0 + misses.1 <= 0.75 * before[query] || before[query] > rounding
      stalls[query] = hasHelped ? 0 : stalls[query] + 1
      if stalls[query] >= Self.mostStalls { continue }
      // The half that misses less passes if the other has something left then.
      firstAllowed[query] = misses.1 <= min(misses.0, all / 2) ? all - misses.1 : all / 2
      secondAllowed[query] = misses.0 <= min(misses.1, all / 2) ? all - misses.0 : all / 2
      if !(misses.0 <= firstAllowed[query]) { firstFailing.append(query) }
      if !(misses.1 <= secondAllowed[query]) { secondFailing.append(query) }
    }
    add(first, queries.without(firstFailing))
    add(second, queries.without(secondFailing))
    if !firstFailing.isEmpty {
      split(
        first, firstFailing, firstEnds, firstAllowed, firstMisses, stalls: stalls, depth: depth + 1)
    }
    if !secondFailing.isEmpty {
      split(
        second, secondFailing, secondEnds, secondAllowed, secondMisses, stalls: stalls,
        depth: depth + 1)
    }
    for half in [first, second] {
      // The ends of closed panels are those of the whole.
      for (node, _) in isClosed ? half.nodes[1...1] : half.nodes[...] {
        take(node)
        gradients.recycle(node)
      }
    }
  }

  /// A panel with nodes for some queries; the nodes at its ends may be known.
  private func panel(
    _ start: Double, _ width: Double, _ queries: [Int], left: Node?, right: Node?
  ) -> Panel {
    let nodes = rule.nodes.map { place, weight in
      let given = !isClosed ? nil : place == 0 ? left : place == 1 ? right : nil
      return (
        node: given ?? newNode(at: start + place * width, for: queries), weight: weight * width
      )
    }
    return Panel(start: start, width: width, nodes: nodes)
  }

  private func newNode(at place: Double, for queries: [Int]) -> Node {
    let node = gradients.node(at: place, for: queries)
    integral.takeSlopes(node)
    return node
  }

  /// By how much the integral of a query's slope misses the difference of f; 0 within rounding.
  private func missed(_ panel: Panel, _ query: Int, _ ends: (Double, Double)) -> Double {
    let change = panel.nodes.reduce(0) { $0 + $1.weight * $1.node.slopes[query] }
    let missed = abs(ends.1 - ends.0 - change)
    return missed <= noise * max(abs(ends.0), abs(ends.1)) ? 0 : missed
  }

  private func add(_ panel: Panel, _ queries: [Int]) {
    for (node, weight) in panel.nodes {
      for query in queries { node.weights[query] += weight }
    }
  }

  /// Adds what a node counts for, once all panels that share it are known.
  private func take(_ node: Node) {
    integral.add(node)
    for query in node.queries { node.weights[query] = 0 }
  }
}

extension [Int] {
  /// The numbers that another array does not have.
  fileprivate func without(_ others: [Int]) -> [Int] {
    others.isEmpty ? self : filter { !others.contains($0) }
  }
}
