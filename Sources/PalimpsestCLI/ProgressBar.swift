import Foundation

/// Progress of long work on standard error: a bar on a terminal, plain lines elsewhere.
///
/// Shows the rate and the time left. Writes at most ten times a second on a terminal, every ten
/// seconds elsewhere, and nothing for work that is over before that.
final class ProgressBar {
  private let title: String
  private let unit: String
  private let total: Int
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let start = ContinuousClock.now
  private var last = ContinuousClock.now
  private var hasWritten = false

  /// Progress towards a number of units of work.
  init(_ title: String, of total: Int, _ unit: String) {
    self.title = title
    self.total = total
    self.unit = unit
  }

  /// Shows how much is done, and stops the work where the person has asked for it.
  ///
  /// - Throws: ``Interrupted``.
  func show(_ done: Int) throws {
    try Signals.check()
    let now = ContinuousClock.now
    guard now - last >= (isTerminal ? .milliseconds(100) : .seconds(10)) else { return }
    last = now
    hasWritten = true
    let seconds = (now - start) / .seconds(1)
    let rate = Double(done) / max(seconds, 1e-9)
    let left = rate > 0 ? Double(total - done) / rate : .infinity
    let share = total > 0 ? Double(done) / Double(total) : 1
    let figures =
      "\(Int(share * 100)) %  \(done) of \(total) \(unit)  \(Self.short(rate)) \(unit)/s  "
      + "\(Self.time(left)) left"
    if isTerminal {
      let filled = Int(share * 24)
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
      write("\r\(title)  \(bar)  \(figures)\u{1B}[K")
    } else {
      write("\(title): \(figures)\n")
    }
  }

  /// Takes the bar away.
  func finish() {
    if isTerminal, hasWritten { write("\r\u{1B}[K") }
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  private static func short(_ rate: Double) -> String {
    rate >= 100 ? "\(Int(rate))" : "\((rate * 10).rounded() / 10)"
  }

  private static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e6 else { return "?" }
    let whole = Int(seconds.rounded(.up))
    return whole < 60
      ? "\(whole) s" : whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h"
  }
}
