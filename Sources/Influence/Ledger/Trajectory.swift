import TensorCore
import Training

/// The states of a run, handed out from the last step to the first.
///
/// Only so many are kept at once; the others are computed again, segment by segment, from states
/// kept on the way or recorded in checkpoints. With k states kept at each of r levels, S steps cost
/// r replays where S ≤ kʳ.
///
/// For one thread at a time.
final class Trajectory<Scalar: TensorScalar> {
  /// Some consecutive steps.
  struct Leg {
    /// The steps.
    let range: Range<Int>
    /// The states before each step, and after the last.
    let states: [TrainingState<Scalar>]

    func before(_ step: Int) -> TrainingState<Scalar> { states[step - range.lowerBound] }
    func after(_ step: Int) -> TrainingState<Scalar> { states[step + 1 - range.lowerBound] }
  }

  let run: TrainingRun<Scalar>
  /// S.
  var steps: Int { run.batches.count }
  /// κ of each step, known after ``forward(_:)``.
  private(set) var clipScales: [Scalar]
  /// The largest share of the way between two checkpoints by which a replay missed the second.
  private(set) var largestDeparture = 0.0
  /// The steps that end at a recorded state which their replay misses; known after ``forward(_:)``.
  ///
  /// What the replay misses since the checkpoint before falls on this one step.
  private(set) var replaced: Set<Int> = []
  private let trainer: Trainer<Scalar>
  private let record: RunRecord?
  private let segments: SegmentReplay?
  /// The steps whose states need not be computed, ascending; 0 is the first.
  private let anchors: [Int]
  /// The most states kept at once.
  private let room: Int
  /// All states, where there is room for them.
  private var kept: [TrainingState<Scalar>] = []

  init(
    _ run: TrainingRun<Scalar>, record: RunRecord?, segments: SegmentReplay? = nil, room: Int,
    pool: WorkerPool
  ) throws {
    self.run = run
    self.record = record
    self.segments = segments
    self.room = max(room, Self.smallestRoom(run.batches.count))
    trainer = run.makeTrainer(pool: pool)
    clipScales = [Scalar](repeating: 1, count: run.batches.count)
    anchors = try record?.checkpoints().filter { $0 <= run.batches.count } ?? [0]
  }

  /// The fewest states with which every segment can be halved down to single steps.
  static func smallestRoom(_ steps: Int) -> Int {
    2 * (Int.bitWidth - steps.leadingZeroBitCount) + 4
  }

  /// Takes all steps once and visits each state, from the initial one to that after the last step.
  ///
  /// - Throws: ``LedgerError/departed(file:_:)``; what the training and the visitor throw.
  func forward(_ visit: (TrainingState<Scalar>) throws -> Void) throws {
    let keepsAll = steps + 1 <= room
    kept = []
    var anchor = try state(atAnchor: 0)
    var state = anchor
    trainer.state = state
    let isAnchor = Set(anchors)
    for step in 0...steps {
      if step > 0 {
        let result = try trainer.step(
          run.batches[step - 1], learningRate: run.learningRates[step - 1])
        clipScales[step - 1] = result.clipScale
        state = trainer.state
        if isAnchor.contains(step), record != nil {
          let recorded = try self.state(atAnchor: step)
          try compare(state, recorded, since: anchor)
          if state != recorded {
            trainer.state = recorded
            replaced.insert(step - 1)
          }
          (anchor, state) = (recorded, recorded)
        }
      }
      if keepsAll { kept.append(state) }
      try visit(state)
    }
  }

  /// Visits the legs from the last steps to the first, each of at most so many steps.
  func descend(
    from end: Int? = nil, legSize: Int, _ visit: (Leg) throws -> Void
  ) throws {
    let end = end ?? steps
    if !kept.isEmpty {
      return try deliver(Array(kept[...end]), legSize, visit)
    }
    var upper = end
    for anchor in anchors.reversed() where anchor < end {
      var last: TrainingState<Scalar>?
      if anchors.contains(upper), record != nil { last = try state(atAnchor: upper) }
      try descend(state(atAnchor: anchor), upTo: upper, last, room, legSize, visit)
      upper = anchor
    }
  }

  /// Replays from a state and visits the legs of its steps; `last`, where not nil, stands for the
  /// state after them.
  private func descend(
    _ start: TrainingState<Scalar>, upTo end: Int, _ last: TrainingState<Scalar>?, _ room: Int,
    _ legSize: Int, _ visit: (Leg) throws -> Void
  ) throws {
    let count = end - start.step
    guard count > 0 else { return }
    trainer.state = start
    // A single step needs no more than the states around it.
    if count < max(room, 2) {
      var states = [start]
      while trainer.step < end {
        try takeStep()
        states.append(trainer.state)
      }
      if let last { states[count] = last }
      return try deliver(states, legSize, visit)
    }
    var parts = max(room / 2, 2)
    var size = (count + parts - 1) / parts
    // The parts need room too, at least to be halved down to single steps.
    if room - parts < Self.smallestRoom(size) {
      parts = 2
      size = (count + 1) / 2
    }
    var starts = [start]
    while trainer.step + size < end {
      for _ in 0..<size { try takeStep() }
      starts.append(trainer.state)
    }
    var (upper, last) = (end, last)
    for part in starts.reversed() {
      try descend(part, upTo: upper, last, room - parts, legSize, visit)
      (upper, last) = (part.step, nil)
    }
  }

  private func takeStep() throws {
    let step = trainer.step
    try trainer.step(run.batches[step], learningRate: run.learningRates[step])
  }

  private func deliver(
    _ states: [TrainingState<Scalar>], _ legSize: Int, _ visit: (Leg) throws -> Void
  ) throws {
    var upper = states.count - 1
    let first = states[0].step
    while upper > 0 {
      let lower = max(upper - legSize, 0)
      try visit(
        Leg(range: first + lower..<first + upper, states: Array(states[lower...upper])))
      upper = lower
    }
  }

  private func state(atAnchor step: Int) throws -> TrainingState<Scalar> {
    if let record { return try record.state(at: step) }
    return TrainingState(initial: run.initialParameters, run.optimizer)
  }

  /// Compares a replayed state with the recorded one, and refuses what rounding does not explain.
  private func compare(
    _ replayed: TrainingState<Scalar>, _ recorded: TrainingState<Scalar>,
    since before: TrainingState<Scalar>
  ) throws {
    if replayed == recorded { return }
    if let departure = try segments?.departure(from: before.step, to: recorded.step),
      !departure.isRounding
    {
      throw LedgerError.departed(
        file: record?.checkpointPath(recorded.step) ?? "", departure)
    }
    // A step below the last digits of the recorded numbers is no way at all.
    var (missed, way, size) = (0.0, 0.0, 0.0)
    for index in recorded.parameters.indices {
      let there = Double(recorded.parameters[index])
      let (off, gone) = (
        there - Double(replayed.parameters[index]), there - Double(before.parameters[index])
      )
      missed += off * off
      way += gone * gone
      size += there * there
    }
    let whole = way.squareRoot() + 4 * Double(Float.ulpOfOne) * size.squareRoot()
    largestDeparture = max(
      largestDeparture, missed.squareRoot() / max(whole, .leastNormalMagnitude))
  }
}
