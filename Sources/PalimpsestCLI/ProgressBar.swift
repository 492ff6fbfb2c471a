import Foundation

/// Progress of long work on standard error: a bar on a terminal, plain lines elsewhere.
///
/// Shows the rate and the time left. Writes at most ten times a second on a terminal, every ten
/// seconds elsewhere, and nothing for work that is over before that.
final class ProgressBar {
  /// Whether nothing is shown; set once, before the work.
  nonisolated(unsafe) static var isHidden = false

  private let title: String
  private let unit: String
  private var total: Int
  private let isTerminal = isatty(STDERR_FILENO) == 1
  /// What was done when the first news came: a resumed run does not start at nothing.
  private var start: (done: Int, time: ContinuousClock.Instant)?
  private var last = ContinuousClock.now
  private var hasWritten = false

  /// Progress towards a number of units of work.
  init(_ title: String, of total: Int, _ unit: String) {
    self.title = title
    self.total = total
    self.unit = unit
  }

  /// Shows how much is done.
  ///
  /// - Parameter total: The units of all work, where they are known better by now.
  func show(_ done: Int, of total: Int? = nil) {
    if let total { self.total = total }
    let total = self.total
    let now = ContinuousClock.now
    guard !Self.isHidden else { return }
    guard let start else { return self.start = (done, now) }
    guard now - last >= (isTerminal ? .milliseconds(100) : .seconds(10)) else { return }
    last = now
    let rate = Double(done - start.done) / max((now - start.time) / .seconds(1), 1e-9)
    let left = rate > 0 ? Double(total - done) / rate : .infinity
    let share = total > 0 ? Double(done) / Double(total) : 1
    let figures =
      "\(Int(share * 100)) %  \(done) of \(total) \(unit)  \(Self.short(rate)) \(unit)/s  "
      + "\(Self.time(left)) left"
    if isTerminal {
      hasWritten = true
      write("\r\(line(share, figures))\u{1B}[K")
    } else {
      write("\(title): \(figures)\n")
    }
  }

  /// Takes the bar away.
  func finish() {
    if hasWritten { write("\r\u{1B}[K") }
    hasWritten = false
  }

  /// One line of the terminal; a longer one would stay behind.
  private func line(_ share: Double, _ figures: String) -> String {
    let width = Terminal.width(STDERR_FILENO) - 1
    let length = min(24, width - title.count - figures.count - 4)
    guard length >= 4 else { return String("\(title)  \(figures)".prefix(max(width, 0))) }
    let filled = Int(share * Double(length))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: length - filled)
    return "\(title)  \(bar)  \(figures)"
  }

  private func write(_ text: String) {
    Output.flushWarnings()
    Output.diagnose(text)
  }

  private static func short(_ rate: Double) -> String {
    switch rate {
    case 1e9...: "\((rate / 1e8).rounded() / 10) G"
    case 1e6...: "\((rate / 1e5).rounded() / 10) M"
    case 100...: "\(Int(rate))"
    default: "\((rate * 10).rounded() / 10)"
    }
  }

  private static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e6 else { return "?" }
    let whole = Int(seconds.rounded(.up))
    return whole < 60
      ? "\(whole) s" : whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h"
  }
}

/// What is known of a terminal.
enum Terminal {
  /// Its columns; 80 where they are not known.
  static func width(_ descriptor: Int32) -> Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
