import Foundation
import Palimpsest
import Testing

/// What the world does to a command.
@Suite("Faults of the world")
struct FaultTests {
  private func record() async throws -> Room { try await Room.withRun(items: 40) }

  // MARK: Streams

  @Test(
    "what is printed does not land in a file where streams are closed",
    arguments: [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
  func closedStreams(_ closed: String) async throws {
    let room = try await record()
    let ledger = "\"$P\" ledger run --query test:0 --columns credit --tolerance 1 --scores"
    #expect(try await room.shell("\(ledger) open").status == 0)
    #expect(try await room.shell("\(ledger) closed \(closed)").status == 0)
    #expect(try room.contents(of: "closed") == room.contents(of: "open"))
    // The bank is not written over either.
    let bank = "\"$P\" memorization run --models 4 --no-ledger"
    #expect(try await room.shell("\(bank) \(closed)").status == 0)
    let again = try await room.shell(bank)
    #expect(again.status == 0, "\(again.errors)")
  }

  #if os(Linux)
    @Test(
      "help that cannot be written is an error",
      arguments: ["--help", "--version", "score --help", "list methods"])
    func fullDevice(_ arguments: String) async throws {
      let outcome = try await Room().shell("\"$P\" \(arguments) >/dev/full")
      #expect(outcome.status == 74)
      #expect(outcome.errors.hasPrefix("palimpsest: standard output: cannot be written"))
    }

    // MARK: Limits

    @Test("a small stack is enough", arguments: [192, 256, 512])
    func smallStack(_ size: Int) async throws {
      let room = try await record()
      let score = "\"$P\" score run --query test:0 --json"
      let whole = try await room.shell(score)
      let small = try await room.shell("ulimit -s \(size); \(score)")
      #expect(small.status == 0 && small.output == whole.output, "\(small.errors)")
    }

    @Test(
      "a small address space is enough, or too small in one line", arguments: [220, 300, 500, 900])
    func addressSpace(_ size: Int) async throws {
      let room = try await record()
      let outcome = try await room.shell(
        "ulimit -v \(size << 10); timeout -s KILL 60 \"$P\" score run --query test:0 --json")
      let isSaid =
        outcome.status == 70 && outcome.errors.contains("raise the limit (ulimit -v)")
        && outcome.errors.count { $0.isNewline } == 1
      let isLoading = outcome.status == 127
      #expect(outcome.status == 0 || isSaid || isLoading, "\(outcome)")
      #expect(size < 900 || outcome.status == 0)
    }
  #endif

  // MARK: Outputs

  @Test("results are not written over what they come from, or into a record")
  func outputPlaces() async throws {
    let room = try await record()
    let manager = FileManager.default
    try manager.copyItem(
      atPath: room.path("run/data/train-x.npy"), toPath: room.path("mine.npy"))
    try manager.copyItem(
      atPath: room.path("run/data/train-y.npy"), toPath: room.path("labels.npy"))
    try manager.copyItem(
      atPath: room.path("run/checkpoints/00000018.safetensors"),
      toPath: room.path("c.safetensors"))
    try manager.linkItem(atPath: room.path("mine.npy"), toPath: room.path("other.npy"))
    try manager.createDirectory(
      atPath: room.path("outside"), withIntermediateDirectories: true)
    try manager.createSymbolicLink(
      atPath: room.path("way"), withDestinationPath: room.path("run/data"))
    let before = try room.contents()
    let files =
      "--model mlp:6-5-3:tanh --checkpoint c.safetensors --train-x mine.npy --train-y labels.npy "
      + "--query-x mine.npy --query-y labels.npy"
    let read = "a file that was read for these results"
    for (command, status, told) in [
      ("score run --query test:0 --scores run/data/train-x.npy", 73, "a place in the run record"),
      ("score run --query test:0 --scores run/new.npy", 73, "a place in the run record"),
      ("score run --query test:0 --scores way/new.npy", 73, "a place in the run record"),
      ("score run --query test:0 --out outside/../run/r.html", 73, "a place in the run record"),
      ("ledger run --query test:0 --scores run", 73, "a place in the run record"),
      ("ledger run --query test:0 --scores run/numbers", 73, "a place in the run record"),
      ("retrain run --without 3 --out run/r.csv", 73, "a place in the run record"),
      ("evaluate run --out run/r.csv", 73, "a place in the run record"),
      ("memorization run --out run/r.csv", 73, "a place in the run record"),
      ("self-influence run --scores run/s.npy", 73, "a place in the run record"),
      ("train --out run/inner --data digits --model mlp:64-10", 73, "a place in the run record"),
      ("score \(files) --scores mine.npy", 73, read),
      ("score \(files) --scores other.npy", 73, read),
      ("score \(files) --scores ./outside/../labels.npy", 73, read),
      ("score \(files) --scores c.safetensors", 64, "ends in .npy"),
      ("self-influence \(files.split(separator: " --query")[0]) --scores mine.npy", 73, read),
      ("score \(files) --scores r.csv --out ./r.csv", 64, "expected two places"),
      ("ledger run --scores r.csv --out r.csv", 64, "expected two places"),
      ("score \(files) >>labels.npy", 73, "standard output"),
    ] {
      let outcome = try await room.shell("\"$P\" \(command)")
      #expect(outcome.status == status, "\(command): \(outcome.errors)")
      #expect(outcome.errors.contains(told), "\(command): \(outcome.errors)")
      #expect(outcome.errors.count { $0.isNewline } == 1, "\(command): \(outcome.errors)")
    }
    #expect(try room.contents() == before)
  }

  @Test("what killed commands left half-written is removed by the next one, and nothing else is")
  func leftovers() async throws {
    let room = try await record()
    let command =
      "\"$P\" ledger run --query test:0 --columns credit --tolerance 1 --scores s --out r.jsonl"
    #expect(try await room.shell(command).status == 0)
    let before = try room.contents()
    for name in ["s/credit.npy.1-1.part", "s/credit.npy.99999999-3.part", "r.jsonl.2-7.part"] {
      try room.write([1, 2, 3], to: name)
    }
    // Of another name, of no process, and of one that is at work.
    for name in ["s/marginal.npy.1-1.part", "s/credit.npy.part", "s/p-values.npy.5-5.part"] {
      try room.write([4, 5], to: name)
    }
    let held = open(room.path("s/p-values.npy.5-5.part"), O_RDWR)
    #expect(held >= 0 && flock(held, LOCK_EX) == 0)
    #expect(try await room.shell(command).status == 0)
    close(held)
    let kept = ["s/marginal.npy.1-1.part", "s/credit.npy.part", "s/p-values.npy.5-5.part"]
    #expect(Set(try room.contents().keys) == Set(before.keys).union(kept))
  }

  @Test("a record's folders do not lead out")
  func links() async throws {
    let room = try await record()
    for (name, command) in [
      ("memorization", "memorization run --models 4 --no-ledger"),
      ("ledger", "ledger run --query test:0 --columns credit --tolerance 1"),
    ] {
      try FileManager.default.createDirectory(
        atPath: room.path("outside"), withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: room.path("run/\(name)"), withDestinationPath: "../outside")
      let outcome = try await room.shell("\"$P\" \(command)")
      #expect(outcome.status == 65 && outcome.errors.contains("found a link or a file"))
      #expect(try room.contents(of: "outside").isEmpty)
    }
  }

  @Test("a run folder that vanishes is an error")
  func vanished() async throws {
    let room = try Room()
    // The shell waits, and not a task of ours, which many other tests may keep from running.
    let outcome = try await room.shell(
      "\"$P\" train --out run --data digits --model mlp:64-512-512-10 --epochs 400 "
        + "--checkpoint-every 50 & trained=$!; "
        + "while [ ! -e run/checkpoints/00000050.safetensors ]; do sleep 0.01; done; "
        + "mv run gone; mkdir -p run/checkpoints; wait $trained")
    // Or the command was about to make a file in the moment between.
    #expect([73, 74].contains(outcome.status), "\(outcome)")
    #expect(
      outcome.errors.contains("removed or replaced during the run")
        || outcome.errors.contains("No such file"), "\(outcome)")
  }

  @Test("what was started to be left alone goes on")
  func ignoredSignals() async throws {
    let room = try Room()
    let outcome = try await room.shell(
      "trap '' HUP INT; \"$P\" train --out run --data digits --model mlp:64-256-10 --epochs 60 "
        + "--checkpoint-every 30 & trained=$!; "
        + "while [ ! -e run/checkpoints/00000030.safetensors ]; do sleep 0.01; done; "
        + "kill -HUP $trained; kill -INT $trained; wait $trained")
    #expect(outcome.status == 0 && !outcome.isSignalled, "\(outcome)")
  }

  @Test("a report is written although nobody reads what is printed before it")
  func readerGone() async throws {
    let room = try await record()
    let outcome = try await room.shell(
      "(sleep 0.2; \"$P\" retrain run --without 1 --query test:0 --columns credit --out r.html) | true"
    )
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try room.text("r.html").contains("</html>"))
  }

  @Test("a demo leaves what others have put into its folder")
  func demoFolder() async throws {
    let room = try Room()
    let outcome = try await room.shell(
      "mkdir -p d/run-old.part; echo x > d/run-old.part/x; echo x > d/running-notes.part; "
        + "\"$P\" demo --out d")
    #expect(outcome.status == 73 && outcome.errors.contains("run-old.part"), "\(outcome)")
    #expect(try room.text("d/run-old.part/x") == "x\n")
    #expect(try room.text("d/running-notes.part") == "x\n")
  }

  @Test("standard input that cannot be read is said to be so")
  func unreadableInput() async throws {
    let room = try Room()
    try await room.done(
      "books", "--out", "invented")
    try await room.done(
      "train", "--out", "text", "--text", "invented/books", "--held-out", "0", "--epochs", "1",
      "--model", "transformer:context=16,width=8,heads=2,layers=1")
    let outcome = try await room.shell("\"$P\" generate text --prompt - < .")
    #expect(
      outcome.status == 74 && outcome.errors.contains("standard input: cannot be read"),
      "\(outcome)")
  }

  // MARK: Names

  @Test("names that are not UTF-8 are named")
  func names() async throws {
    let room = try Room()
    let argument = try await room.shell("\"$P\" inspect \"$(printf 'caf\\351.npy')\"")
    #expect(argument.status == 64 && argument.errors.contains("not UTF-8"), "\(argument.errors)")
    #if os(Linux)
      let folder = try await room.shell(
        "mkdir text; echo words > text/a.txt; echo words > \"text/$(printf 'caf\\351.txt')\"; "
          + "\"$P\" train --out run --text text --model transformer:context=4,width=2,heads=1,layers=1"
      )
      #expect(folder.status == 65 && folder.errors.contains("expected names in UTF-8"))
    #endif
  }

  // MARK: Records

  @Test("every command says once what no digest covers, and on what other machine a run was made")
  func cautions() async throws {
    let room = try await record()
    try room.edit("run/run.json", "\"blasCore\": \"", "\"blasCore\": \"Other")
    let sums = "run/checkpoints/SHA256SUMS"
    let lines = try room.text(sums).split(separator: "\n").filter { !$0.hasSuffix("run.json") }
    try room.write(lines.map { "\($0)\n" }.joined().utf8, to: sums)
    for command in [
      "inspect run", "score run --query test:0", "score run --method credit --query test:0",
      "self-influence run", "ledger run --query test:0 --columns credit --tolerance 1",
      "retrain run --without 3 --query test:0 --columns credit",
      "evaluate run --query test:0 --methods tracin --subsets 2",
      "memorization run --models 2 --no-ledger",
    ] {
      let outcome = try await room.shell("\"$P\" \(command)")
      #expect(outcome.status == 0, "\(command): \(outcome.errors)")
      let said = outcome.errors.split(separator: "\n")
      #expect(said.count { $0.contains("no digest covers run.json:") } == 1, "\(said)")
      #expect(said.count { $0.contains("blasCore was Other") } == 1, "\(said)")
    }
    // An error is one line.
    let refused = try await room.shell("\"$P\" score run --query test:999")
    #expect(refused.status != 0 && refused.errors.count { $0.isNewline } == 1, "\(refused.errors)")
  }

  @Test("a refused column ends evaluate with no, wherever its metric stands")
  func orderOfMetrics() async throws {
    let room = try await Room.withRun(items: 40, "--flip-labels", "0.2", "--optimizer", "adam")
    var statuses: [Int32] = []
    for metrics in ["lds,mislabel", "mislabel,lds", "mislabel"] {
      let outcome = try await room.run([
        "evaluate", "run", "--metrics", metrics, "--methods", "integrated", "--query", "test:0",
        "--subsets", "2", "--tolerance", "1e-300",
      ])
      statuses.append(outcome.status)
    }
    #expect(statuses == [1, 1, 1])
  }
}
