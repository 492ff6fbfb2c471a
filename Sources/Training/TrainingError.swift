/// What can go wrong in a run besides its files.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A setting that makes no sense.
  case setting(name: String, found: String, expected: String)
  /// Data that do not fit the model or each other.
  case data(String)
  /// A loss or a parameter became NaN or infinite at this step, counted from 0.
  case diverged(step: Int, what: String, learningRate: Double)
  /// The folder holds something that is not a run.
  case occupied(folder: String, found: String)
  /// The folder holds a run of other settings.
  case differs(folder: String, what: String, recorded: String, asked: String)

  /// One line for the person.
  public var description: String {
    switch self {
    case .setting(let name, let found, let expected):
      "\(name): found \(found), expected \(expected)"
    case .data(let line): line
    case .diverged(let step, let what, let learningRate):
      "step \(step): \(what) is NaN or infinite; the learning rate was \(learningRate): lower it"
    case .occupied(let folder, let found):
      "\(folder): found \(found), expected a new or empty folder, or a run to resume; "
        + "choose another folder"
    case .differs(let folder, let what, let recorded, let asked):
      "\(folder): holds a run with another \(what): found \(recorded), expected \(asked); "
        + "repeat its settings to resume it, or choose another folder"
    }
  }
}
