import Foundation
import Synchronization

/// Work that was stopped from outside.
struct Interrupted: Error, CustomStringConvertible {
  /// One line for the person.
  let description: String
}

/// What the command does with signals.
enum Signals {
  private static let wasInterrupted = Atomic<Bool>(false)

  /// SIGINT, SIGTERM and SIGHUP end long work at its next step, a second one at once; a closed pipe or a
  /// full disk is an error of the write instead of the end of the process.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    var stops = sigset_t()
    sigemptyset(&stops)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      sigaddset(&stops, number)
      signal(number) { _ in
        if Signals.wasInterrupted.exchange(true, ordering: .relaxed) { _exit(130) }
      }
    }
    // A program that started this one from a thread of its own may have blocked them.
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
  }

  /// Called between steps of long work, with what the person can do afterwards.
  static func check(_ afterwards: String = "nothing was written") throws {
    if wasInterrupted.load(ordering: .relaxed) {
      throw Interrupted(description: "interrupted; \(afterwards)")
    }
  }
}
