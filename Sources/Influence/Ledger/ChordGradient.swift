import TensorCore
import Training

/// The gradients of a block of queries averaged along the chord of a step.
///
/// φ = ∫₀¹ ∇f(θ + tΔ) dt by a quadrature rule on panels. How far a panel is from the truth is known
/// without a guess: ⟨φ, Δ⟩ over the panel must be the difference of f between its ends. Panels that
/// miss by more than what is allowed are cut in half, query by query, so that the kinks of a ReLU
/// network are closed in on; a query's panels do not depend on the other queries.
///
/// For one thread at a time.
final class ChordGradient<Scalar: TensorScalar> {
  private let queries: QueryBlock<Scalar>
  private let rule: QuadratureRule
  private let layout: ParameterLayout
  /// θ_{s+1} − θ_s, `[P]`.
  private let chord: AlignedBuffer<Scalar>
  private let point: AlignedBuffer<Scalar>
  private let everyone: [Int]
  /// Gradients not in use.
  private var free: [Directions<Scalar>] = []
  private var start: UnsafePointer<Scalar>
  /// Gradients before the step visited last, which are those after the step before it.
  private var shared: (step: Int, gradients: Gradients)?

  /// Halvings of a step before a panel is taken as it is.
  private static var deepest: Int { 12 }

  /// Gradients of the queries at one point, and their measures.
  private final class Gradients {
    let directions: Directions<Scalar>
    var values: [Double]
    init(_ directions: Directions<Scalar>, _ values: [Double]) {
      self.directions = directions
      self.values = values
    }
  }

  init(_ queries: QueryBlock<Scalar>, _ rule: QuadratureRule, _ layout: ParameterLayout) {
    self.queries = queries
    self.rule = rule
    self.layout = layout
    chord = AlignedBuffer(layout.count, filledWith: 0)
    point = AlignedBuffer(layout.count, filledWith: 0)
    start = UnsafePointer(point.base)
    everyone = Array(0..<queries.count)
  }

  /// The averaged gradients of a step into `average`.
  ///
  /// - Parameters:
  ///   - leg: States around the step.
  ///   - values: f before and after each step, `[S + 1]` rows of the ledger's queries.
  ///   - allowed: What each query may miss on this step, `[D]`.
  func average(
    _ step: Int, of leg: Trajectory<Scalar>.Leg, values: (_ step: Int, _ query: Int) -> Double,
    allowed: [Double], into average: Directions<Scalar>
  ) {
    average.clear()
    let (before, after) = (leg.before(step).parameters, leg.after(step).parameters)
    before.withUnsafeBufferPointer { before in
      after.withUnsafeBufferPointer { after in
        guard let start = before.baseAddress, let end = after.baseAddress else { return }
        self.start = start
        Scalar.zip(.subtract, layout.count, end, true, start, true, chord.base)
        let ends = everyone.map { (values(step, $0), values(step + 1, $0)) }
        let last = rule == .simpson ? shared.flatMap { $0.step == step + 1 ? $0.gradients : nil } : nil
        let first = refine(
          0...1, everyone, ends: ends, left: nil, right: last, allowed: allowed, depth: 0, average)
        if let shared { recycle(shared.gradients) }
        shared = first.map { (step, $0) }
      }
    }
  }

  /// Adds the integral over a panel for some queries.
  ///
  /// - Parameters:
  ///   - ends: f of each query of the block at the ends of the panel.
  ///   - left: Gradients at the start of the panel, where they are known.
  ///   - right: The same at its end.
  /// - Returns: The gradients at the start of the panel where the rule takes them and they were not
  ///   given.
  private func refine(
    _ panel: ClosedRange<Double>, _ active: [Int], ends: [(Double, Double)], left: Gradients?,
    right: Gradients?, allowed: [Double], depth: Int, _ total: Directions<Scalar>
  ) -> Gradients? {
    let width = panel.upperBound - panel.lowerBound
    let sum = take()
    var known: [Gradients?] = []
    let isClosed = rule == .simpson
    for node in rule.nodes {
      let weight = Scalar(node.weight * width)
      let place = panel.lowerBound + node.place * width
      guard isClosed else {
        run(at: place)
        queries.addGradients(of: active, weight: weight, to: sum)
        continue
      }
      let given = node.place == 0 ? left : node.place == 1 ? right : nil
      let gradients = given ?? evaluate(at: place)
      known.append(gradients)
      add(gradients.directions, weight, of: active, to: sum)
    }
    var failing: [Int] = []
    if rule.isRefined, depth < Self.deepest {
      failing = active.filter { query in
        let change = sum.dot(query, chord.base)
        let missed = abs(ends[query].1 - ends[query].0 - change)
        return !(missed <= max(allowed[query] * width, noise(ends[query])))
      }
    }
    let isFailing = Set(failing)
    add(sum, 1, of: active.filter { !isFailing.contains($0) }, to: total)
    recycle(sum)
    if !failing.isEmpty {
      let middle = (panel.lowerBound + panel.upperBound) / 2
      let half: [Double]
      if isClosed, let known = known[1] {
        half = known.values
      } else {
        run(at: middle)
        half = everyone.map { queries.value($0) }
      }
      _ = refine(
        panel.lowerBound...middle, failing, ends: zip(ends, half).map { ($0.0, $1) },
        left: isClosed ? known[0] : nil, right: isClosed ? known[1] : nil, allowed: allowed,
        depth: depth + 1, total)
      _ = refine(
        middle...panel.upperBound, failing, ends: zip(ends, half).map { ($1, $0.1) },
        left: isClosed ? known[1] : nil, right: isClosed ? known[2] : nil, allowed: allowed,
        depth: depth + 1, total)
    }
    guard isClosed else { return nil }
    if let middle = known[1] { recycle(middle) }
    if right == nil, let end = known[2] { recycle(end) }
    return left == nil ? known[0] : nil
  }

  /// What rounding alone may make of a difference of two measures.
  private func noise(_ ends: (Double, Double)) -> Double {
    8 * Double(Scalar.ulpOfOne) * max(abs(ends.0), abs(ends.1))
  }

  private func run(at place: Double) {
    if place == 0 { return queries.run(at: start) }
    point.base.update(from: start, count: layout.count)
    Scalar.axpy(layout.count, Scalar(place), chord.base, point.base)
    queries.run(at: point.base)
  }

  private func evaluate(at place: Double) -> Gradients {
    run(at: place)
    let directions = take()
    queries.addGradients(of: everyone, weight: 1, to: directions)
    return Gradients(directions, everyone.map { queries.value($0) })
  }

  private func add(
    _ from: Directions<Scalar>, _ weight: Scalar, of chosen: [Int], to: Directions<Scalar>
  ) {
    if chosen.count == everyone.count {
      return Scalar.axpy(to.elementCount, weight, from.memory.base, to.memory.base)
    }
    for query in chosen {
      for entry in layout.entries {
        Scalar.axpy(entry.shape.count, weight, from.row(query, of: entry), to.row(query, of: entry))
      }
    }
  }

  /// Cleared memory for one vector of each query.
  private func take() -> Directions<Scalar> {
    guard let directions = free.popLast() else { return Directions(queries.count, layout) }
    directions.clear()
    return directions
  }

  private func recycle(_ gradients: Gradients) { recycle(gradients.directions) }
  private func recycle(_ directions: Directions<Scalar>) { free.append(directions) }
}
