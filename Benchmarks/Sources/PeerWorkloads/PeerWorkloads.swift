import ArgumentParser
import Foundation
import Palimpsest

/// The Palimpsest side of `Peers/compare.py`; the protocol stands in `Peers/README.md`.
@main
struct PeerWorkloads: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peer-workloads",
    abstract: "Run Palimpsest's side of the comparison with its peers.",
    discussion: "Workloads: \(workloads.map { $0.name }.joined(separator: ", ")).",
    version: RunManifest.libraryVersion)

  @Argument(help: "The workload to run.") var workload: String?
  @Flag(help: "Answer requests on standard input.") var serve = false
  @Option(help: ArgumentHelp("The arrays that compare.py has written.", valueName: "folder"))
  var data: String
  @Option(help: "The number of threads.") var threads = WorkerPool.processorCount
  @Option(help: "The number of timed runs.") var runs = 5

  func validate() throws {
    guard serve != (workload != nil) else { throw ValidationError("name a workload, or --serve") }
    guard (1...64).contains(threads) else { throw ValidationError("--threads takes 1 to 64") }
    guard runs > 0 else { throw ValidationError("--runs takes a number from 1") }
  }

  func run() throws {
    let session = try Session(folder: data, threads: threads)
    if let workload {
      let reply = session.report(workload, runs: runs)
      try reply.print()
      if reply.error != nil { throw ExitCode.failure }
    } else {
      try Greeting(name: "Palimpsest \(RunManifest.libraryVersion)").print()
      while let line = readLine() { try session.answer(line).print() }
    }
  }
}
