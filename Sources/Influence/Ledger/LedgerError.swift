public import Training

/// Why an account cannot be drawn up.
public enum LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A recorded checkpoint is not where its steps lead to.
  case departed(file: String, ReplayDeparture)
  /// A number became NaN or infinite while the run was gone through.
  case notFinite(what: String, step: Int)
  /// The memory asked for does not hold what is needed at once.
  case memory(needed: Int, allowed: Int)

  /// One line for the person.
  public var description: String {
    switch self {
    case .departed(let file, let departure): "\(file): \(departure)"
    case .notFinite(let what, let step):
      "step \(step): \(what) is NaN or infinite; the run is too sensitive for this column"
    case .memory(let needed, let allowed):
      "--memory: found \(allowed >> 20) MiB, expected at least \((needed >> 20) + 1) MiB"
    }
  }
}
