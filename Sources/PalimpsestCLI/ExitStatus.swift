import ArgumentParser
import Foundation
import Palimpsest

/// The exit statuses of the command: those of `sysexits.h`, 1 and 130.
enum ExitStatus: Int32 {
  case done = 0
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
    if error is Output.ReaderGone { Foundation.exit(done.rawValue) }
    if let status = status(of: error) { leave(status, "\(error)") }
    switch command.exitCode(for: error) {
    case .success: printMessage(of: error, in: command)
    case .validationFailure: leave(.usage, usage(command.message(for: error), error, command))
    default: leave(.defect, "\(error); this is a defect of palimpsest, please report it")
    }
  }

  /// Prints help, or the version.
  private static func printMessage(
    of error: any Error, in command: any ParsableCommand.Type
  ) -> Never {
    do {
      try Output.line(command.fullMessage(for: error))
    } catch is Output.ReaderGone {
      Foundation.exit(done.rawValue)
    } catch {
      leave(.cannotWrite, "\(error)")
    }
    Foundation.exit(done.rawValue)
  }

  private static func leave(_ status: ExitStatus, _ line: String) -> Never {
    if status == .answerIsNo { Output.flushWarnings() }
    Output.diagnose("palimpsest: \(FormatError.printable(line))\n")
    Foundation.exit(status.rawValue)
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
      case .occupied, .differs: .cannotCreate
      }
    case is ModelError, is UsageError: .usage
    case is AnswerIsNo: .answerIsNo
    case let error as LedgerError:
      if case .memory = error { .usage } else { .badData }
    case let error as ScoreError:
      if case .memory = error { .usage } else { .badData }
    case is GraphError: .defect
    case let error as NumericError:
      switch error {
      case .wrongLibrary: .defect
      case .notFinite: .badData
      default: .answerIsNo
      }
    case is Interrupted: .interrupted
    default: nil
    }
  }

  /// What was expected where a value is no number of the kind that an option takes; nothing where the
  /// message says it, or the option takes something else.
  private static func numberHint(_ message: String) -> String {
    let parts = message.split(separator: "'", omittingEmptySubsequences: false)
    guard message.hasPrefix("The value '"), parts.count == 5,
      parts[2] == " is invalid for ", parts[4].isEmpty
    else { return "" }
    let option = parts[3]
    if option.hasPrefix("--seed ") { return "; expected a whole number from 0 to 2^64 - 1" }
    if ["<n>", "<k>"].contains(where: option.hasSuffix) { return "; expected a whole number" }
    let numbers = ["<rate>", "<factor>", "<norm>", "<share>", "<shares>", "<p>", "<x>"]
    return numbers.contains(where: option.hasSuffix) ? "; expected a number" : ""
  }

  /// What to do where a value was taken for an option; nothing where that is not so.
  private static func dashHint(_ message: String) -> String {
    let parts = message.split(separator: "'", maxSplits: 2)
    guard message.hasPrefix("Missing value for '--"), parts.count > 1,
      let option = parts[1].split(separator: " ").first.map(String.init),
      let value = NegativeValues.mistaken(after: option, in: CommandLine.arguments)
    else { return "" }
    return "; found \"\(value)\", which begins with a dash: write \(option)=\(value)"
  }

  /// The argument parser's message on one line, and the help that explains it.
  private static func usage(
    _ message: String, _ error: any Error, _ command: any ParsableCommand.Type
  ) -> String {
    // Names to choose from come as a list; what a person typed may hold line breaks of its own.
    let text =
      message.replacingOccurrences(of: "\n  - ", with: " ") + dashHint(message)
      + numberHint(message)
    let lines = command.fullMessage(for: error).split(separator: "\n")
    let hint = lines.last { $0.hasPrefix("  See '") }
    guard let help = hint?.split(separator: "'").dropFirst().first else { return text }
    return "\(text.hasSuffix(".") ? String(text.dropLast()) : text); see '\(help)'"
  }
}

/// What was asked is done, and the answer is no.
struct AnswerIsNo: Error, CustomStringConvertible {
  /// One line for the person.
  let description: String

  init(_ description: String) { self.description = description }
}

/// Options that contradict each other or name what does not exist.
struct UsageError: Error, CustomStringConvertible {
  /// One line for the person.
  let description: String
  /// Whether what was typed means several things.
  let isAmbiguous: Bool

  init(_ description: String, isAmbiguous: Bool = false) {
    (self.description, self.isAmbiguous) = (description, isAmbiguous)
  }
}
