import Foundation
import Synchronization

/// A run that was stopped from outside and can be resumed.
struct Interrupted: Error, CustomStringConvertible {
  /// One line for the person.
  var description: String { "interrupted; repeat the command to go on where it stopped" }
}

/// What the command does with signals.
enum Signals {
  private static let wasInterrupted = Atomic<Bool>(false)

  /// SIGINT and SIGTERM end long work at its next step, a second one at once; a closed pipe or a
  /// full disk is an error of the write instead of the end of the process.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        if Signals.wasInterrupted.exchange(true, ordering: .relaxed) { _exit(130) }
        _ = number
      }
    }
  }

  /// Called between steps of long work.
  static func check() throws {
    if wasInterrupted.load(ordering: .relaxed) { throw Interrupted() }
  }
}
