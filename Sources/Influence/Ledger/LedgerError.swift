/// Why an account cannot be drawn up.
public enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A recorded checkpoint is not where its steps lead to.
  case departed(file: String, step: Int, by: Double)
  /// A number became NaN or infinite while the run was gone through.
  case notFinite(what: String, step: Int)
  /// The memory asked for does not hold what is needed at once.
  case memory(needed: Int, allowed: Int)

  /// One line for the person.
  public var description: String {
    switch self {
    case .departed(let file, let step, let share):
      "\(file): the steps of the record lead elsewhere: found a state after step \(step) that "
        + "differs by \(share) of the way since the checkpoint before, expected at most "
        + "\(Self.largestDeparture); the checkpoint, the batches or the learning rates were changed"
    case .notFinite(let what, let step):
      "step \(step): \(what) is NaN or infinite; the run is too sensitive for this column"
    case .memory(let needed, let allowed):
      "--memory: found \(allowed >> 20) MiB, expected at least \((needed >> 20) + 1) MiB"
    }
  }

  /// The share of the way between two checkpoints that rounding on another machine may make.
  static let largestDeparture = 0.01
}
