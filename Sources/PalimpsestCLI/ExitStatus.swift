import ArgumentParser
import Foundation
import Palimpsest

/// The exit statuses of the command: those of `sysexits.h`, 1 and 130.
enum ExitStatus: Int32 {
  case answerIsNo = 1
  case usage = 64
  case badData = 65
  case missingInput = 66
  case defect = 70
  case cannotCreate = 73
  case cannotWrite = 74
  case locked = 75
  case interrupted = 130

  /// Prints one line on standard error and leaves with the error's status.
  ///
  /// Help and version requests, which come as errors too, are printed where they belong.
  static func end(with error: any Error, in command: any ParsableCommand.Type) -> Never {
    if let status = status(of: error) {
      FileHandle.standardError.write(Data("palimpsest: \(line(error))\n".utf8))
      Foundation.exit(status.rawValue)
    }
    command.exit(withError: error)
  }

  /// The status of an error of ours; nil for those of the argument parser.
  private static func status(of error: any Error) -> ExitStatus? {
    switch error {
    case let error as FormatError:
      switch error.kind {
      case .missing: .missingInput
      case .malformed: .badData
      case .uncreatable: .cannotCreate
      case .unreadable, .unwritable: .cannotWrite
      case .locked: .locked
      }
    case let error as TrainingError:
      switch error {
      case .setting: .usage
      case .data, .diverged: .badData
      case .occupied, .differs, .finished: .cannotCreate
      }
    case is ModelError, is UsageError: .usage
    case let error as ScoreError:
      if case .memory = error { .usage } else { .badData }
    case is GraphError: .badData
    case is Interrupted: .interrupted
    default: nil
    }
  }

  private static func line(_ error: any Error) -> String {
    "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}

/// Options that contradict each other or name what does not exist.
struct UsageError: Error, CustomStringConvertible {
  /// One line for the person.
  let description: String

  init(_ description: String) { self.description = description }
}
