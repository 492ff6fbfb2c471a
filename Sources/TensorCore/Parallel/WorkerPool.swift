internal import CKernels
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// A fixed set of threads that take numbered blocks of work.
///
/// Results must not depend on the number of threads. Callers therefore cut work into blocks whose
/// size depends on the problem alone, let each block write its own place, and combine blocks in
/// their order. BLAS itself runs on one thread (``BLASLibrary``).
public final class WorkerPool: Sendable {
  /// The number of threads that work, the caller's included.
  public let threads: Int
  private let state: State

  /// A pool of this many threads, the caller's included, or of as many as the system starts.
  ///
  /// There are never more than ``mostThreads``.
  public init(threads: Int = WorkerPool.processorCount) {
    let state = State()
    self.state = state
    var started = 1
    while started < min(threads, Self.mostThreads),
      Self.startThread(State.Helper(state: state, worker: started))
    { started += 1 }
    self.threads = started
  }

  deinit { state.shutDown() }

  /// The most threads of a pool: OpenBLAS shares a table of buffers among threads.
  public static let mostThreads = 64

  /// The number of processors online.
  public static var processorCount: Int { max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1) }

  /// Runs `body(block, worker)` once for each block in `0..<blocks` and returns when all are done.
  ///
  /// `worker` is in `0..<threads` and never runs two blocks at once: it picks a workspace. Blocks
  /// start in order. Callers on several threads take turns.
  ///
  /// - Precondition: The caller is not itself in a body of the same pool.
  public func run(_ blocks: Int, _ body: (_ block: Int, _ worker: Int) -> Void) {
    let outer = state.takeTurn()
    defer { state.endTurn(outer) }
    if threads == 1 || blocks <= 1 {
      for block in 0..<max(blocks, 0) { body(block, 0) }
      return
    }
    withoutActuallyEscaping(body) { state.run(blocks, $0) }
  }

  /// Starts a thread; false where the system refuses.
  private static func startThread(_ helper: State.Helper) -> Bool {
    guard let thread = OwnThread.start({ helper.loop() }) else { return false }
    pthread_detach(thread)
    return true
  }
}

/// What the threads share.
///
/// The counters order every access to the plain fields.
private final class State: @unchecked Sendable {
  typealias Body = (Int, Int) -> Void

  /// A thread's own share: which state and which worker number.
  final class Helper: @unchecked Sendable {
    let state: State
    let worker: Int
    init(state: State, worker: Int) {
      self.state = state
      self.worker = worker
    }
    func loop() { state.helperLoop(worker) }
  }

  /// Looks a helper takes at the generation before it sleeps: about 0.2 ms of waiting.
  private static let spins = 8_000

  /// Names, on each thread, the state whose bodies it runs.
  private static let current: pthread_key_t = {
    var key = pthread_key_t()
    let status = pthread_key_create(&key, nil)
    precondition(status == 0, "cannot tell threads apart: error \(status)")
    return key
  }()

  private var body: Body?
  private var blocks = 0
  private let turn = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let generation = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let isOpen = Atomic<Bool>(false)
  private let inside = Atomic<Int>(0)
  private let next = Atomic<Int>(0)
  private let finished = Atomic<Int>(0)
  private let stopped = Atomic<Bool>(false)

  init() {
    pthread_mutex_init(turn, nil)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_mutex_destroy(turn)
    turn.deallocate()
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
  }

  private var address: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  /// Waits until no other thread runs a job.
  ///
  /// - Returns: The state whose body the caller is in, nil for none; for ``endTurn(_:)``.
  func takeTurn() -> UnsafeMutableRawPointer? {
    let outer = pthread_getspecific(Self.current)
    precondition(outer != address, "a body run by a pool starts a job on the same pool")
    pthread_mutex_lock(turn)
    pthread_setspecific(Self.current, address)
    return outer
  }

  func endTurn(_ outer: UnsafeMutableRawPointer?) {
    pthread_setspecific(Self.current, outer)
    pthread_mutex_unlock(turn)
  }

  func run(_ blocks: Int, _ body: @escaping Body) {
    self.body = body
    self.blocks = blocks
    next.store(0, ordering: .relaxed)
    finished.store(0, ordering: .relaxed)
    isOpen.store(true, ordering: .sequentiallyConsistent)
    announce()
    work(body, worker: 0)
    while finished.load(ordering: .acquiring) < blocks { kernel_pause() }
    // A helper counts itself inside before it looks whether the job is open, so once nobody is
    // inside a closed job, nobody can still reach its body.
    isOpen.store(false, ordering: .sequentiallyConsistent)
    while inside.load(ordering: .sequentiallyConsistent) > 0 { kernel_pause() }
    self.body = nil
  }

  func shutDown() {
    stopped.store(true, ordering: .sequentiallyConsistent)
    announce()
  }

  private func announce() {
    generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(mutex)
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }
  }

  private func work(_ body: Body, worker: Int) {
    while true {
      let block = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if block >= blocks { return }
      body(block, worker)
      finished.wrappingAdd(1, ordering: .releasing)
    }
  }

  func helperLoop(_ worker: Int) {
    pthread_setspecific(Self.current, address)
    var seen = 0
    while true {
      seen = waitForGeneration(after: seen)
      if stopped.load(ordering: .sequentiallyConsistent) { return }
      inside.wrappingAdd(1, ordering: .sequentiallyConsistent)
      if isOpen.load(ordering: .sequentiallyConsistent) { takePart(worker) }
      inside.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
  }

  /// Not inlined: its reference to the body must be gone before the helper leaves the job.
  @inline(never)
  private func takePart(_ worker: Int) {
    if let body { work(body, worker: worker) }
  }

  private func waitForGeneration(after seen: Int) -> Int {
    for _ in 0..<Self.spins {
      let current = generation.load(ordering: .acquiring)
      if current != seen { return current }
      kernel_pause()
    }
    pthread_mutex_lock(mutex)
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    var current = generation.load(ordering: .sequentiallyConsistent)
    while current == seen {
      pthread_cond_wait(condition, mutex)
      current = generation.load(ordering: .sequentiallyConsistent)
    }
    sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
    return current
  }
}
