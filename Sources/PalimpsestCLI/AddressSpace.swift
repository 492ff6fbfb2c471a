import Foundation

/// How much memory the process may address, where a person or a batch system sets a limit.
enum AddressSpace {
  /// What OpenBLAS asks for at once, for each thread, and goes on asking for if it is refused.
  static let buffer = 128 << 20
  /// What the command itself takes besides, for small work.
  private static let ownShare = 64 << 20

  /// Ends the process with one line where the limit is too small to begin.
  ///
  /// OpenBLAS starts threads of its own before `main`, each with a buffer. They have nothing to do;
  /// under a limit the program starts again without them.
  static func check() {
    #if os(Linux)
      var limit = rlimit()
      guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
        limit.rlim_cur < rlim_t(Int64.max)
      else { return }
      let variable = "OPENBLAS_NUM_THREADS"
      if getenv(variable).map({ String(cString: $0) }) != "1" {
        setenv(variable, "1", 1)
        execv("/proc/self/exe", CommandLine.unsafeArgv)
      }
      guard !isFree(buffer + ownShare) else { return }
      Output.diagnose(
        "palimpsest: found an address space limited to \(limit.rlim_cur >> 20) MiB, expected room for "
          + "\((buffer + ownShare) >> 20) MiB more; raise the limit (ulimit -v)\n")
      // Not `exit`: what libraries do then may wait for threads that never come.
      _exit(ExitStatus.defect.rawValue)
    #endif
  }

  /// Whether so many bytes could be had.
  static func isFree(_ count: Int) -> Bool {
    // Addresses alone: what the system would let be written is another question.
    let probe = mmap(nil, count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let probe, probe != MAP_FAILED else { return false }
    munmap(probe, count)
    return true
  }
}
