import Palimpsest

/// Runs workloads one after another, keeping only the last one in memory, and `sgemm`.
final class Session {
  private let arrays: PeerArrays
  private let pool: WorkerPool
  private var ready: [String: any Workload] = [:]

  init(folder: String, threads: Int) throws {
    arrays = PeerArrays(folder: folder)
    pool = WorkerPool(threads: threads)
  }

  /// Answers `WORKLOAD` or `WORKLOAD result=PATH`: one run.
  func answer(_ request: String) -> Reply {
    let parts = request.split(separator: " result=", maxSplits: 1).map(String.init)
    let name = parts.first ?? ""
    return reply(to: name) { reply in
      let workload = try prepare(name)
      reply.seconds = [try time(workload)]
      reply.details = workload.details
      if parts.count == 2, let result = workload.result { try NPY.write(result, to: parts[1]) }
    }
  }

  /// A warm-up and some timed runs, after one product that tells the rate of the machine.
  func report(_ name: String, runs: Int) -> Reply {
    reply(to: name) { reply in
      let sgemm = try prepare(SGEMM.name)
      _ = try time(sgemm)
      reply.sgemmGFlops = SGEMM.operations / (try time(sgemm)) / 1e9
      let workload = try prepare(name)
      _ = try time(workload)
      reply.seconds = try (0..<runs).map { _ in try time(workload) }
      reply.details = workload.details
    }
  }

  private func reply(to name: String, _ body: (inout Reply) throws -> Void) -> Reply {
    let empty = Reply(workload: name, threads: pool.threads)
    var reply = empty
    do {
      try body(&reply)
    } catch {
      reply = empty
      reply.error = "\(error)".split(separator: "\n").first.map(String.init) ?? "unknown error"
    }
    return reply
  }

  private func prepare(_ name: String) throws -> any Workload {
    if let workload = ready[name] { return workload }
    guard let type = workloads.first(where: { $0.name == name }) else {
      throw UnknownWorkload(name: name)
    }
    ready = ready.filter { $0.key == SGEMM.name }
    let workload = try type.init(arrays, pool)
    ready[name] = workload
    return workload
  }

  private func time(_ workload: any Workload) throws -> Double {
    try ContinuousClock().measure { try workload.run() } / .seconds(1)
  }
}

struct UnknownWorkload: Error, CustomStringConvertible {
  let name: String
  var description: String {
    "unknown workload \"\(name)\"; expected \(workloads.map { $0.name }.joined(separator: ", "))"
  }
}
