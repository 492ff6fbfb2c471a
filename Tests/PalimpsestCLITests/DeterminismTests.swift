import Foundation
import Palimpsest
import Testing

@Suite("The same bits")
struct DeterminismTests {
  /// What the scoring commands write and print, without the command line.
  private func scores(_ room: Room, _ options: String...) async throws -> [String: Data] {
    let score =
      ["score", "run", "--query", "test:0..<30", "--scores", "scores.npy", "--out", "report.jsonl"]
      + ["--top", "3", "--json"]
    let (first, second) = (
      try await room.run(score + options),
      try await room.run(["self-influence", "run", "--scores", "self.npy", "--json"] + options)
    )
    try #require(first.status == 0 && second.status == 0, "\(first.errors)\(second.errors)")
    func plain(_ text: String) throws -> Data {
      let lines = try jsonLines(text).map { line -> JSONValue in
        .object((line.members ?? []).filter { $0.name != "command" })
      }
      return Data(lines.map { "\($0)" }.joined(separator: "\n").utf8)
    }
    return [
      "scores.npy": try room.bytes("scores.npy"), "self.npy": try room.bytes("self.npy"),
      "report": try plain(room.text("report.jsonl")), "printed": try plain(first.output),
      "self": Data(second.output.utf8),
    ]
  }

  @Test("for any number of threads and any memory, from the data to the scores")
  func threadsAndMemory() async throws {
    var runs: [[String: Data]] = []
    var results: [[String: Data]] = []
    for threads in 1...3 {
      let room = try Room()
      try await room.done(
        "train", "--out", "run", "--data", "digits", "--model", "mlp:64-32-10:tanh", "--epochs",
        "2", "--optimizer", "adam", "--lr", "0.003", "--threads", "\(threads)")
      runs.append(try room.contents(of: "run"))
      results.append(try await scores(room, "--threads", "\(threads)"))
      guard threads == 3 else { continue }
      // The least memory that the command names does, and so does a little more.
      let refused = try await room.run(
        ["score", "run", "--query", "test:0..<30", "--memory", "1M", "--threads", "2"])
      let least = try #require(
        refused.errors.firstMatch(of: /expected at least (\d+) MiB/).flatMap { Int($0.1) })
      for memory in [least, least + 1] {
        results.append(try await scores(room, "--threads", "2", "--memory", "\(memory)M"))
      }
    }
    try #require(runs[0].keys.contains("checkpoints/00000060.safetensors"))
    #expect(runs[1] == runs[0] && runs[2] == runs[0])
    for result in results.dropFirst() {
      for (name, bytes) in results[0] { #expect(result[name] == bytes, "\(name)") }
    }
  }

  /// A run that lasts a second or so: 80 checkpoints of a few hundred KiB.
  private static let long =
    Room.training.map { $0 == Room.model ? "mlp:6-128-128-3:tanh" : $0 } + [
      "--out", "run", "--epochs", "400", "--optimizer", "momentum", "--checkpoint-every", "30",
    ]

  /// What the run leaves if nothing happens to it.
  private static let uninterrupted = Task {
    let room = try Room()
    try room.writeItems()
    let outcome = try await room.run(long)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try room.contents(of: "run")
  }

  /// Sends a signal as soon as the run has a checkpoint of this step or a later one.
  ///
  /// From a thread of its own: the tests' other work must not delay it.
  private func send(_ signal: Int32, to process: pid_t, at step: Int, in room: Room) {
    let folder = room.path("run/checkpoints")
    Thread.detachNewThread {
      while kill(process, 0) == 0 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let steps = names.filter { $0.hasSuffix(".safetensors") }.compactMap { Int($0.prefix(8)) }
        if let last = steps.max(), last >= step {
          kill(process, signal)
          return
        }
        usleep(1_000)
      }
    }
  }

  @Test("across kills at any moment")
  func kills() async throws {
    let room = try Room()
    try room.writeItems()
    var kills = 0
    for step in [0, 300, 900, 1_500, 2_100] {
      let outcome = try await room.run(Self.long) {
        send(SIGKILL, to: $0, at: step, in: room)
      }
      kills += outcome.isSignalled ? 1 : 0
    }
    #expect(kills >= 3, "the runs ended before they were killed")
    // Before anything is written, or soon after.
    let early = try await room.run(Self.long) {
      usleep(20_000)
      kill($0, SIGKILL)
    }
    if kills == 5 { #expect(early.isSignalled) }
    let last = try await room.run(Self.long)
    #expect(last.status == 0, "\(last.errors)")
    let (made, expected) = (
      try room.contents(of: "run"), try await Self.uninterrupted.value
    )
    #expect(made.keys.sorted() == expected.keys.sorted())
    for (name, bytes) in expected { #expect(made[name] == bytes, "\(name)") }
  }

  @Test("across an interruption, which ends with status 130", arguments: [SIGINT, SIGTERM])
  func interruption(_ signal: Int32) async throws {
    let room = try Room()
    try room.writeItems()
    let outcome = try await room.run(Self.long) {
      send(signal, to: $0, at: 600, in: room)
    }
    #expect(outcome.status == 130 && !outcome.isSignalled)
    #expect(
      outcome.errors
        == "palimpsest: interrupted; repeat the command to go on where it stopped\n")
    let early = try await room.run(["score", "run", "--query", "test:0"])
    #expect(early.status == 66 && early.errors.contains("the run is not finished"))
    let rest = try await room.run(Self.long)
    #expect(rest.status == 0, "\(rest.errors)")
    #expect(try await room.contents(of: "run") == Self.uninterrupted.value)
  }
}
