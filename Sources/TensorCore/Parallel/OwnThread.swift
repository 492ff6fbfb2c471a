#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Threads whose stack does not depend on the limit that a person, or a batch system, sets.
package enum OwnThread {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// The stack of a thread: what the main one has where nobody sets a limit.
  private static let stackSize = 8 << 20
  /// A main thread with less than this is not trusted with deep work.
  private static let smallestStack = 4 << 20

  /// Does some work and returns: on a thread of its own where the main one's stack is small, and the
  /// system starts one.
  package static func runWithDeepStack(_ body: @escaping @Sendable () -> Void) {
    var limit = rlimit()
    guard getrlimit(stackResource, &limit) == 0, limit.rlim_cur < smallestStack,
      let thread = start(body)
    else { return body() }
    pthread_join(thread, nil)
  }

  /// Starts a thread, to be joined or detached; nil where the system refuses.
  static func start(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return nil }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackSize)
    let argument = Unmanaged.passRetained(Work(body))
    #if canImport(Glibc)
      var thread = pthread_t()
      let status = pthread_create(
        &thread, &attributes,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, argument.toOpaque())
    #else
      var thread: pthread_t?
      let status = pthread_create(
        &thread, &attributes,
        { argument in
          Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, argument.toOpaque())
    #endif
    guard status == 0 else {
      argument.release()
      return nil
    }
    return thread
  }

  #if canImport(Glibc)
    private static let stackResource = __rlimit_resource_t(RLIMIT_STACK.rawValue)
  #else
    private static let stackResource = RLIMIT_STACK
  #endif
}
