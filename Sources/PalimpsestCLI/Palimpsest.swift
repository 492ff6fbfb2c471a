import ArgumentParser
import Foundation
import Logging
import Palimpsest

/// The command `palimpsest`.
@main
struct PalimpsestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "palimpsest",
    abstract: "Shows how much any one training item shapes an output of a small model.",
    discussion: """
      Scores are positive where an item supports an output, in nats where the method has a unit. \
      Results go to standard output or the named files, progress to standard error.

      EXIT STATUS: 0 done; 1 done, and the answer is no; 64 usage; 65 the data are at fault; \
      66 an input is missing; 70 a defect of ours, or a limit of the system or a library that \
      computes wrongly stands in the way; 73 or 74 cannot write; 75 locked by another run; 130 interrupted, resumable.
      """,
    version: """
      palimpsest \(RunManifest.libraryVersion) (kernels: \(Kernels.level); OpenBLAS kernels: \
      \(BLASLibrary.coreName))
      """,
    subcommands: [
      DemoCommand.self, TrainCommand.self, ScoreCommand.self, SelfInfluenceCommand.self,
      LedgerCommand.self, RetrainCommand.self, EvaluateCommand.self, MemorizationCommand.self,
      ExposureCommand.self, DilutionCommand.self, GenerateCommand.self, TraceCommand.self,
      BooksCommand.self, InspectCommand.self,
      ListCommand.self,
    ])

  static func main() {
    StandardStreams.occupy()
    AddressSpace.check()
    Signals.prepare()
    OwnThread.runWithDeepStack { runCommand() }
  }

  private static func runCommand() {
    // Read before the options are parsed: libraries may log from the first moment on.
    let level: Logger.Level = CommandLine.arguments.contains("--verbose") ? .debug : .warning
    LoggingSystem.bootstrap { label in
      var handler = StreamLogHandler.standardError(label: label)
      handler.logLevel = level
      return handler
    }
    do {
      try requireReadableArguments()
      let arguments = Array(CommandLine.arguments.dropFirst())
      try checkName(arguments.first)
      var command = try parseAsRoot(NegativeValues.joined(arguments))
      try command.run()
      Output.flushWarnings()
    } catch {
      ExitStatus.end(with: error, in: self)
    }
  }

  /// Refuses a name of no command, with the one that is meant.
  private static func checkName(_ name: String?) throws {
    let names = configuration.subcommands.compactMap { $0.configuration.commandName }
    guard let name, !name.hasPrefix("-"), name != "help", !names.contains(name) else { return }
    let near = names.map { ($0, distance(name, $0)) }.min { $0.1 < $1.1 }
    let guess = name == "version" ? "--version" : near.flatMap { $0.1 <= 2 ? $0.0 : nil }
    throw UsageError(
      "found the command \(FormatError.quoted(name)), expected one of \(names.joined(separator: ", "))"
        + (guess.map { "; did you mean \($0)?" } ?? ""))
  }

  /// The letters to insert, leave out or replace.
  private static func distance(_ one: String, _ other: String) -> Int {
    let (a, b) = (Array(one.prefix(40)), Array(other))
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let least = min(row[j], row[j + 1]) + 1
        (diagonal, row[j + 1]) = (row[j + 1], min(least, diagonal + (letter == b[j] ? 0 : 1)))
      }
    }
    return row[b.count]
  }

  /// Refuses arguments that are not UTF-8: as text they would name other files.
  private static func requireReadableArguments() throws {
    for (number, argument) in UnsafeBufferPointer(
      start: CommandLine.unsafeArgv, count: Int(CommandLine.argc)
    ).enumerated() {
      guard let argument, String(validatingCString: argument) == nil else { continue }
      throw UsageError(
        "argument \(number): found \(FormatError.quoted(String(cString: argument))), whose bytes are "
          + "not UTF-8, expected UTF-8; rename the file")
    }
  }
}
