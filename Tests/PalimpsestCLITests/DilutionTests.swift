import Foundation
import Palimpsest
import Testing

@Suite("Dilution from the command line")
struct DilutionTests {
  /// A family of 24 small runs and four gradients of the written items.
  private static let small = [
    "dilution", "--train-x", "x.npy", "--train-y", "y.npy", "--items", "10,20,40", "--copies",
    "1,2",
    "--epochs", "4", "--widths", "3", "--at", "items=20", "--seeds", "2",
    "--watched", "2", "--batch-size", "5", "--inputs", "1,2", "--inversion-width", "8",
  ]

  private static func room() throws -> Room {
    let room = try Room()
    try room.writeItems(60)
    return room
  }

  @Test("a study leaves its runs, a page, lines and a table, and says where the claim holds")
  func study() async throws {
    let room = try Self.room()
    let outcome = try await room.run(Self.small + ["--out", "study"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("the cocktail claim") || outcome.output.contains("claimed"))
    #expect(outcome.output.hasSuffix("report: study/report.html\n"))
    let contents = try room.contents(of: "study")
    let runs = contents.keys.filter { $0.hasPrefix("runs/") }
    // Four places, three kinds and two seeds; two sizes of gradients and two seeds.
    #expect(runs.count == 28)
    #expect(
      Set(contents.keys).subtracting(runs)
        == ["runs", "study.json", "report.html", "report.jsonl", "report.csv"])
    let lines = try jsonLines(room.text("study/report.jsonl"))
    #expect(lines.count { $0["kind"]?.string == "dilution" } == (3 + 2) * 3)
    #expect(lines.count { $0["kind"]?.string == "inversion" } == 2)
    // Again: nothing is left to do, and every byte stays.
    let again = try await room.run(Self.small + ["--out", "study", "--json"])
    #expect(again.status == 0)
    #expect(try again.json == Array(lines.dropFirst()))
    let after = try room.contents(of: "study")
    #expect(
      contents.filter { $0.key.hasPrefix("runs/") } == after.filter { $0.key.hasPrefix("runs/") })
  }

  @Test("a report of its own has its runs beside it", arguments: ["html", "jsonl", "csv"])
  func oneReport(_ ending: String) async throws {
    let room = try Self.room()
    let outcome = try await room.run(
      Self.small + ["--out", "found.\(ending)", "--parts", "inversion", "--json"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(try room.contents(of: "found.runs").keys.contains("runs/gradient-of-2-seed-1.json"))
    #expect(try !room.bytes("found.\(ending)").isEmpty)
  }

  /// Sends a signal when so many results are there.
  private func send(_ signal: Int32, to process: pid_t, at count: Int, in room: Room) {
    let folder = room.path("study/runs")
    Thread.detachNewThread {
      while kill(process, 0) == 0 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        if names.count >= count {
          kill(process, signal)
          return
        }
        usleep(500)
      }
    }
  }

  /// A study that lasts a second or so.
  private static let long =
    small + ["--epochs", "60,120", "--at", "items=20,epochs=60", "--out", "study"]

  @Test("killed at any moment, it goes on to the same bytes, for any number of threads")
  func kills() async throws {
    let whole = try Self.room()
    try #require(try await whole.run(Self.long).status == 0)
    let room = try Self.room()
    var kills = 0
    for (count, threads) in [(1, 1), (9, 2), (20, 3)] {
      let outcome = try await room.run(Self.long + ["--threads", "\(threads)"]) {
        send(SIGKILL, to: $0, at: count, in: room)
      }
      kills += outcome.isSignalled ? 1 : 0
    }
    #expect(kills >= 2, "the studies ended before they were killed")
    // The page says how it was made, so the last command is that of the other study.
    let last = try await room.run(Self.long)
    #expect(last.status == 0, "\(last.errors)")
    let (made, expected) = (try room.contents(of: "study"), try whole.contents(of: "study"))
    #expect(made.keys.sorted() == expected.keys.sorted())
    for (name, bytes) in expected { #expect(made[name] == bytes, "\(name)") }
  }

  @Test("interrupted, it says so and how to go on")
  func interruption() async throws {
    let room = try Self.room()
    let outcome = try await room.run(Self.long) { send(SIGINT, to: $0, at: 3, in: room) }
    #expect(outcome.status == 130 && !outcome.isSignalled)
    // On a slow machine lines of progress stand before it.
    let last = outcome.errors.split(separator: "\n").last
    #expect(last == "palimpsest: interrupted; repeat the command to go on where it stopped")
  }

  @Test("what it would take is said before, and nothing is written")
  func dryRun() async throws {
    let room = try Self.room()
    let outcome = try await room.run(Self.small + ["--out", "study", "--dry-run", "--json"])
    let estimate = try #require(try outcome.json.first)
    #expect(outcome.status == 0)
    #expect(estimate["items"] == .number(40) && estimate["queries"] == .number(48))
    #expect(estimate["expectedSeconds"]?.double ?? -1 >= 0)
    #expect(!FileManager.default.fileExists(atPath: room.path("study")))
  }

  @Test(
    "what cannot be is said in one line",
    arguments: [
      (["--items", "10,x"], 64, "10,x"), (["--items", "0"], 64, "0"),
      (["--at", "depth=3"], 64, "depth=3"), (["--items", "10,61"], 64, "at most 60"),
      (["--copies", "1,10"], 64, "items"), (["--parts", "runs,walks"], 64, "walks"),
      (["--inputs", "100"], 64, "inputs of a gradient"), (["--lr", "0"], 64, "learning rate"),
      (["--out", "x.npy"], 73, "x.npy"), (["--train-x", "none.npy"], 66, "none.npy"),
      (["--train-y", "large.npy"], 65, "item 1: found the label 100000"),
      (["--train-y", "one.npy"], 65, "a single class"),
    ] as [([String], Int32, String)])
  func faults(_ options: [String], _ status: Int32, _ words: String) async throws {
    let room = try Self.room()
    for (name, labels) in [("large", [0, 100_000]), ("one", [0, 0])] {
      let all = (0..<60).map { Int64(labels[$0 % 2]) }
      try NPY.write(StoredArray(all, shape: [60]), to: room.path("\(name).npy"))
    }
    let outcome = try await room.run(Self.small + options)
    #expect(outcome.status == status, "\(outcome.errors)")
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1 && outcome.output.isEmpty)
  }

  @Test("one study at a time has its folder, and keeps to its settings")
  func folder() async throws {
    let room = try Self.room()
    try #require(
      try await room.run(Self.small + ["--out", "study", "--parts", "inversion"]).status == 0)
    var lock: DirectoryLock? = try DirectoryLock(folder: room.path("study"))
    let locked = try await room.run(Self.small + ["--out", "study"])
    #expect(locked.status == 75 && locked.errors.contains("in use by"))
    withExtendedLifetime(lock) {}
    lock = nil
    let other = try await room.run(Self.small + ["--out", "study", "--lr", "0.25"])
    #expect(other.status == 73 && other.errors.contains("learningRate"))
    try FileManager.default.createDirectory(
      atPath: room.path("strange"), withIntermediateDirectories: false)
    try room.write("mine".utf8, to: "strange/letter.txt")
    let strange = try await room.run(Self.small + ["--out", "strange"])
    #expect(strange.status == 73 && strange.errors.contains("letter.txt"))
    // A result that was cut is named.
    try room.truncate("study/runs/gradient-of-1-seed-0.json")
    let cut = try await room.run(Self.small + ["--out", "study", "--parts", "inversion"])
    #expect(cut.status == 65 && cut.errors.contains("gradient-of-1-seed-0.json"))
  }
}
