import ArgumentParser
import Foundation
import Palimpsest

/// What the columns of a ledger cost, beside the training that they take apart.
@main
struct LedgerCost: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger-cost",
    abstract: "Time training, credit, marginal and retrainings of the digits, in turns.",
    discussion: """
      The network 64-32-10 with tanh learns 1,000 digits, batch 50, and the losses of the next 50 \
      are accounted for. Each round times everything once, at every number of epochs; the best \
      rounds are printed. Seconds per step that stay the same say that the cost is linear.
      """)

  @Option(help: "Passes over the items, a line for each.") var epochs = [15, 30, 60]
  @Option(help: "The number of threads.") var threads = WorkerPool.processorCount
  @Option(help: "The number of rounds.") var rounds = 7
  @Option(help: ArgumentHelp("Memory of a ledger.", valueName: "MiB")) var memory: Int?

  func validate() throws {
    guard (1...WorkerPool.mostThreads).contains(threads) else {
      throw ValidationError("--threads takes 1 to \(WorkerPool.mostThreads)")
    }
    guard rounds > 0, !epochs.isEmpty, epochs.allSatisfy({ (1...10_000).contains($0) }) else {
      throw ValidationError("--rounds and --epochs take numbers from 1")
    }
    if let memory, !(1...1 << 20).contains(memory) {
      throw ValidationError("--memory takes a number from 1")
    }
  }

  func run() throws {
    let pool = WorkerPool(threads: threads)
    let sizes = try epochs.map { try CostedRun(epochs: $0, pool: pool, memory: memory) }
    // The first round warms up.
    for round in 0...rounds {
      for size in sizes { try size.round(counts: round > 0) }
    }
    print("best of \(rounds) rounds, \(threads) threads; ms, times the training, ms per 100 steps")
    for size in sizes { print(size.line) }
    if let peak = Self.peakMemory { print("peak memory of the process: \(peak >> 20) MiB") }
  }

  /// The most bytes that the process has held, where the system tells.
  private static var peakMemory: Int? {
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
      .map { $0 << 10 }
  }
}
