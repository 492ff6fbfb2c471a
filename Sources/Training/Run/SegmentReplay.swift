package import TensorCore

/// Takes the steps from one recorded checkpoint to another again, and sets what comes out against
/// what rounding alone makes of them.
///
/// For one thread at a time.
package final class SegmentReplay {
  private let record: RunRecord
  private let pool: WorkerPool?
  private let demandsBits: Bool
  private var single: Lane<Float>?
  private var double: Lane<Double>?
  /// What was found, by the step at the end.
  private var known: [Int: ReplayDeparture?] = [:]

  private struct Lane<Scalar: TensorScalar> {
    let run: TrainingRun<Scalar>
    let trainer: Trainer<Scalar>
  }

  package init(_ record: RunRecord, pool: WorkerPool?) {
    self.record = record
    self.pool = pool
    demandsBits = record.manifest.isOfThisEnvironment
  }

  /// How the steps between two checkpoints depart from the record, in the record's precision; nil
  /// where every bit of the second one comes out.
  ///
  /// - Throws: As ``RunRecord/run(as:)`` and ``RunRecord/state(at:as:)``; what a step throws.
  package func departure(from start: Int, to end: Int) throws -> ReplayDeparture? {
    if let found = known[end] { return found }
    let found =
      switch record.manifest.precision {
      case .float32: try departure(\.single, \.double, start, end, 1)
      case .float64:
        try departure(
          \.double, \.single, start, end, Double.ulpOfOne / Double(Float.ulpOfOne))
      }
    known.updateValue(found, forKey: end)
    return found
  }

  /// - Parameter unit: What the difference of the precisions is multiplied by: Float64 rounds so much
  ///   less than Float32.
  private func departure<Own: TensorScalar, Other: TensorScalar>(
    _ own: ReferenceWritableKeyPath<SegmentReplay, Lane<Own>?>,
    _ other: ReferenceWritableKeyPath<SegmentReplay, Lane<Other>?>, _ start: Int, _ end: Int,
    _ unit: Double
  ) throws -> ReplayDeparture? {
    let replayed = try state(own, start, end)
    let recorded: [String: [Own]] = try record.vectors(at: end)
    let names = record.vectorNames
    let vectors = [replayed.parameters] + replayed.optimizer
    let isSame = zip(names, vectors).allSatisfy { name, vector in
      guard let recorded = recorded[name] else { return true }
      return recorded.withUnsafeBytes { a in vector.withUnsafeBytes { a.elementsEqual($0) } }
    }
    if isSame { return nil }
    let widened = try state(other, start, end)
    let before: TrainingState<Own> = try record.state(at: start)
    let others = [widened.parameters] + widened.optimizer
    let entries = record.model.layout.entries
    var parts: [Departure] = []
    for (index, name) in names.enumerated() {
      guard let there = recorded[name] else { continue }
      let whole = Norm.difference(vectors[index], others[index]) * unit
      for entry in entries {
        let average = whole * (Double(entry.shape.count) / Double(there.count)).squareRoot()
        parts.append(
          Departure(
            vector: index, entry, there, vectors[index], others[index], unit, average: average,
            ulp: Double(Own.ulpOfOne)))
      }
    }
    if !demandsBits, parts.contains(where: { !($0.excess <= 1) }) {
      // Rounding may also have taken the other side of a kink, as it does now and then.
      for number in 0..<ReplayDeparture.tries {
        let moved = try state(own, moving: before.moved(number, Double(Own.ulpOfOne)), end)
        let all = [moved.parameters] + moved.optimizer
        for index in parts.indices {
          let part = parts[index]
          parts[index].moved = max(
            part.moved, Norm.difference(all[part.vector], vectors[part.vector], part.range))
        }
      }
    }
    guard let worst = parts.max(by: { $0.excess < $1.excess || $1.excess.isNaN }) else {
      return nil
    }
    let there = recorded[names[0]] ?? []
    let way =
      Norm.difference(there, before.parameters)
      + 4 * Double(Float.ulpOfOne) * Norm.difference(there, there.map { _ in 0 as Own })
    let made = parts.filter { $0.vector == 0 }.reduce(0) {
      $0 + max($1.rounding, $1.moved) * max($1.rounding, $1.moved)
    }
    return ReplayDeparture(
      start: start, step: end,
      name: worst.vector == 0 ? worst.name : names[worst.vector],
      relativeDifference: worst.relativeDifference,
      share: Norm.difference(there, replayed.parameters) / way, rounding: made.squareRoot() / way,
      excess: worst.excess, demandsBits: demandsBits)
  }

  private func state<Scalar: TensorScalar>(
    _ path: ReferenceWritableKeyPath<SegmentReplay, Lane<Scalar>?>, _ start: Int, _ end: Int
  ) throws -> TrainingState<Scalar> {
    try state(path, moving: record.state(at: start), end)
  }

  private func state<Scalar: TensorScalar>(
    _ path: ReferenceWritableKeyPath<SegmentReplay, Lane<Scalar>?>,
    moving start: TrainingState<Scalar>, _ end: Int
  ) throws -> TrainingState<Scalar> {
    let lane: Lane<Scalar>
    if let made = self[keyPath: path] {
      lane = made
    } else {
      let run: TrainingRun<Scalar> = try record.run()
      lane = Lane(run: run, trainer: run.makeTrainer(pool: pool))
      self[keyPath: path] = lane
    }
    lane.trainer.state = start
    try lane.trainer.run(lane.run.batches, lane.run.learningRates, to: end)
    return lane.trainer.state
  }
}

extension TrainingState {
  /// The state with every number moved by some units in the last place, drawn by a number.
  fileprivate func moved(_ number: Int, _ ulp: Double) -> TrainingState {
    var stream = RandomStream(seed: UInt64(step) << 8 | UInt64(number), for: .rounding)
    func move(_ values: [Scalar]) -> [Scalar] {
      let draws: Tensor<Scalar> = stream.normalTensor([values.count])
      let size = Scalar(ReplayDeparture.moves * ulp)
      return zip(values, draws.scalars).map { $0 * (1 + size * $1) }
    }
    var state = self
    state.parameters = move(parameters)
    state.optimizer = optimizer.map(move)
    return state
  }
}

/// Euclidean lengths in Float64.
enum Norm {
  static func difference<A: TensorScalar, B: TensorScalar>(
    _ a: [A], _ b: [B], _ range: Range<Int>? = nil
  ) -> Double {
    var sum = 0.0
    for index in range ?? a.indices {
      let difference = Double(a[index]) - Double(b[index])
      sum += difference * difference
    }
    return sum.squareRoot()
  }
}

/// A recorded array beside its replays.
private struct Departure {
  /// Which of the vectors it is in: the parameters, or one of the optimizer's state.
  let vector: Int
  let name: String
  let range: Range<Int>
  /// |recorded − replayed|.
  let missed: Double
  /// |replayed − replayed in the other precision|, in units of the record's precision.
  let rounding: Double
  /// What that would be if all numbers of the vector were as exact.
  let average: Double
  /// The largest |replayed − replayed from a start that was moved|.
  var moved = 0.0
  /// |recorded|.
  let size: Double
  let relativeDifference: Double
  private let ulp: Double

  init<Own: TensorScalar, Other: TensorScalar>(
    vector: Int, _ entry: ParameterLayout.Entry, _ recorded: [Own], _ replayed: [Own],
    _ other: [Other], _ unit: Double, average: Double, ulp: Double
  ) {
    var (largest, magnitude, length) = (0.0, 0.0, 0.0)
    for index in entry.range {
      let (there, here) = (Double(recorded[index]), Double(replayed[index]))
      largest = max(largest, (there - here).magnitude)
      magnitude = max(magnitude, there.magnitude, here.magnitude)
      length += there * there
    }
    self.vector = vector
    name = entry.name
    range = entry.range
    self.average = average
    self.ulp = ulp
    missed = Norm.difference(recorded, replayed, entry.range)
    rounding = Norm.difference(replayed, other, entry.range) * unit
    size = length.squareRoot()
    relativeDifference = magnitude > 0 ? largest / magnitude : 0
  }

  /// The departure over what counts as rounding.
  var excess: Double {
    if missed == 0 { return 0 }
    let scale = (rounding * rounding + average * average).squareRoot()
    let allowed =
      max(ReplayDeparture.factor * scale, ReplayDeparture.movedFactor * moved) + 4 * ulp * size
    return missed / max(allowed, .leastNormalMagnitude)
  }
}
