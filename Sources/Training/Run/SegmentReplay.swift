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
    let others = [widened.parameters] + widened.optimizer
    let before: [Own] = try record.parameters(at: start)
    var worst: (excess: Double, name: String, relative: Double)?
    var (share, rounding) = (0.0, 0.0)
    for (index, name) in names.enumerated() {
      guard let there = recorded[name] else { continue }
      let all = Departures(there, vectors[index], others[index], 0..<there.count, unit)
      if index == 0 {
        let way = Norm.difference(there, before) + 4 * Double(Float.ulpOfOne) * all.size
        (share, rounding) = (all.departure / way, all.rounding / way)
      }
      for entry in record.model.layout.entries {
        let part = Departures(there, vectors[index], others[index], entry.range, unit)
        let excess = part.excess(among: all, ulp: Double(Own.ulpOfOne))
        let own = index == 0 ? entry.name : name
        if worst.map({ excess > $0.excess || excess.isNaN }) ?? true {
          worst = (excess, own, part.relativeDifference)
        }
      }
    }
    guard let worst else { return nil }
    return ReplayDeparture(
      start: start, step: end, name: worst.name, relativeDifference: worst.relative, share: share,
      rounding: rounding, excess: worst.excess, demandsBits: demandsBits)
  }

  private func state<Scalar: TensorScalar>(
    _ path: ReferenceWritableKeyPath<SegmentReplay, Lane<Scalar>?>, _ start: Int, _ end: Int
  ) throws -> TrainingState<Scalar> {
    let lane: Lane<Scalar>
    if let made = self[keyPath: path] {
      lane = made
    } else {
      let run: TrainingRun<Scalar> = try record.run()
      lane = Lane(run: run, trainer: run.makeTrainer(pool: pool))
      self[keyPath: path] = lane
    }
    lane.trainer.state = try record.state(at: start)
    try lane.trainer.run(lane.run.batches, lane.run.learningRates, to: end)
    return lane.trainer.state
  }
}

/// Euclidean lengths in Float64.
enum Norm {
  static func difference<A: TensorScalar, B: TensorScalar>(_ a: [A], _ b: [B]) -> Double {
    var sum = 0.0
    for (x, y) in zip(a, b) {
      let difference = Double(x) - Double(y)
      sum += difference * difference
    }
    return sum.squareRoot()
  }
}

/// A range of a recorded vector beside its replays in two precisions.
private struct Departures {
  /// |recorded − replayed|.
  var departure = 0.0
  /// |replayed − replayed in the other precision|, in units of the record's precision.
  var rounding = 0.0
  /// |recorded|.
  var size = 0.0
  let count: Int
  private var largest = 0.0
  private var magnitude = 0.0

  init<Own: TensorScalar, Other: TensorScalar>(
    _ recorded: [Own], _ replayed: [Own], _ other: [Other], _ range: Range<Int>, _ unit: Double
  ) {
    count = range.count
    for index in range {
      let (there, here) = (Double(recorded[index]), Double(replayed[index]))
      let (missed, rounded) = (there - here, here - Double(other[index]))
      departure += missed * missed
      rounding += rounded * rounded
      size += there * there
      largest = max(largest, missed.magnitude)
      magnitude = max(magnitude, there.magnitude, here.magnitude)
    }
    departure = departure.squareRoot()
    rounding = rounding.squareRoot() * unit
    size = size.squareRoot()
  }

  var relativeDifference: Double { magnitude > 0 ? largest / magnitude : 0 }

  /// The departure over what counts as rounding: `factor` times the difference of the precisions,
  /// where no array is taken to be more exact than an average one, and some units in the last place.
  func excess(among all: Departures, ulp: Double) -> Double {
    if departure == 0 { return 0 }
    let average = all.rounding * (Double(count) / Double(max(all.count, 1))).squareRoot()
    let allowed =
      ReplayDeparture.factor * (rounding * rounding + average * average).squareRoot()
      + 4 * ulp * size
    return departure / max(allowed, .leastNormalMagnitude)
  }
}
