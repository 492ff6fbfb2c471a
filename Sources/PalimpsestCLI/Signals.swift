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
      // What was started to be left alone, as by nohup, stays so.
      var present = sigaction()
      guard sigaction(number, nil, &present) == 0, !Self.isIgnored(present) else { continue }
      sigaddset(&stops, number)
      signal(number) { _ in
        if Signals.wasInterrupted.exchange(true, ordering: .relaxed) { _exit(130) }
      }
    }
    // A program that started this one from a thread of its own may have blocked them.
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    #if canImport(Darwin)
      let handler = action.__sigaction_u.__sa_handler
    #else
      let handler = action.__sigaction_handler.sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Called between steps of long work, with what the person can do afterwards.
  static func check(_ afterwards: String = "nothing was written") throws {
    if wasInterrupted.load(ordering: .relaxed) {
      throw Interrupted(description: "interrupted; \(afterwards)")
    }
  }
}
