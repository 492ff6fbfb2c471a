import Synchronization
import TensorCore
import Testing

@Suite struct WorkerPoolTests {
  private func pause(_ time: Duration) {
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end {}
  }

  /// How often each block of a job ran, and with which workers.
  private func run(_ blocks: Int, on pool: WorkerPool) -> (counts: [Int], workers: Set<Int>) {
    var counts = [Int](repeating: 0, count: blocks)
    var workers = [Int](repeating: -1, count: blocks)
    counts.withUnsafeMutableBufferPointer { counts in
      workers.withUnsafeMutableBufferPointer { workers in
        // Each block has its own place.
        nonisolated(unsafe) let (counts, workers) = (counts, workers)
        pool.run(blocks) { block, worker in
          counts[block] += 1
          workers[block] = worker
        }
      }
    }
    return (counts, Set(workers))
  }

  @Test(arguments: [1, 2, 7]) func `every block runs exactly once`(threads: Int) {
    let pool = WorkerPool(threads: threads)
    for blocks in [0, 1, 2, 3, 6, 7, 8, 100, 5000] {
      let (counts, workers) = run(blocks, on: pool)
      #expect(counts.allSatisfy { $0 == 1 })
      #expect(workers.allSatisfy { (0..<threads).contains($0) })
    }
  }

  @Test func `many short jobs one after another`() {
    let pool = WorkerPool(threads: 3)
    for job in 0..<3000 {
      #expect(run(1 + job % 5, on: pool).counts.allSatisfy { $0 == 1 })
    }
  }

  @Test func `a worker never runs two blocks at once`() {
    let pool = WorkerPool(threads: 4)
    let busy = (0..<pool.threads).map { _ in Flag() }
    let collisions = Atomic<Int>(0)
    pool.run(400) { _, worker in
      if busy[worker].value.exchange(true, ordering: .sequentiallyConsistent) {
        collisions.wrappingAdd(1, ordering: .relaxed)
      }
      pause(.microseconds(10))
      busy[worker].value.store(false, ordering: .sequentiallyConsistent)
    }
    #expect(collisions.load(ordering: .relaxed) == 0)
  }

  private final class Flag: Sendable { let value = Atomic<Bool>(false) }
  private final class Counter: Sendable { let value = Atomic<Int>(0) }

  @Test func `callers on several threads take turns`() async {
    let pool = WorkerPool(threads: 2)
    let total = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for job in 0..<500 {
            // A single block takes the serial way, in turn with the others all the same.
            pool.run(1 + job % 3) { _, _ in total.value.wrappingAdd(1, ordering: .relaxed) }
          }
        }
      }
    }
    let expected = 4 * (0..<500).reduce(0) { $0 + 1 + $1 % 3 }
    #expect(total.value.load(ordering: .relaxed) == expected)
  }

  @Test func `pools may be nested, one in a body of another`() {
    let (outer, inner) = (WorkerPool(threads: 2), WorkerPool(threads: 2))
    let total = Atomic<Int>(0)
    outer.run(20) { _, _ in inner.run(5) { _, _ in total.wrappingAdd(1, ordering: .relaxed) } }
    #expect(total.load(ordering: .relaxed) == 100)
  }

  @Test func `a body that starts a job on its own pool stops the program`() async {
    await #expect(processExitsWith: .failure) {
      let pool = WorkerPool(threads: 2)
      pool.run(4) { _, _ in pool.run(1) { _, _ in } }
    }
    await #expect(processExitsWith: .failure) {
      let pool = WorkerPool(threads: 1)
      pool.run(1) { _, _ in pool.run(1) { _, _ in } }
    }
  }

  @Test func `a pool may go away while its threads sleep, spin or never worked`() {
    for wait in [.zero, .microseconds(50), .milliseconds(20)] as [Duration] {
      for blocks in [0, 3] {
        let pool = WorkerPool(threads: 4)
        if blocks > 0 { #expect(run(blocks, on: pool).counts == [1, 1, 1]) }
        // Threads that found nothing to do for about 0.2 ms sleep.
        pause(wait)
      }
    }
  }
}
