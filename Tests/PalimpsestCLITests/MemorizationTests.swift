import Foundation
import Palimpsest
import Testing

@Suite("Memorisation from the command line")
struct MemorizationTests {
  private static let few = ["memorization", "run", "--models", "40", "--seed", "3"]

  @Test("the figures are those of the library, in every report and file")
  func figures() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    let lines = try await room.run(
      Self.few + ["--top", "3", "--json", "--scores", "npy", "--out", "report.html"]
    ).json
    #expect(
      lines.map { $0["kind"]?.string }
        == ["memorization"] + Array(repeating: "item", count: 40)
        + Array(repeating: "influence", count: 3))
    #expect(lines[0]["models"] == .number(40) && lines[0]["kept"] == .number(28))
    try expectFigures(room, lines)
    for ending in ["jsonl", "csv", "txt"] {
      let text = try await room.run(Self.few + ["--no-ledger", "--out", "report.\(ending)"])
      #expect(text.status == 0, "\(text.errors)")
      #expect(text.output.contains("What was memorised"))
      #expect(!text.output.contains("ledger share"))
    }
  }

  /// Compares what was printed and written with a tally of the bank.
  private func expectFigures(_ room: Room, _ lines: [JSONValue]) throws {
    let bank = try SubsetBank<Double>(
      RunRecord(folder: room.path("run")), fraction: 0.7, seed: 3, pool: WorkerPool(threads: 1))
    #expect(bank.count == 40)
    let tally = try bank.tally(models: 40)
    let values: Tensor<Double> = try room.array("npy/memorization.npy")
    let intervals: Tensor<Double> = try room.array("npy/memorization-interval.npy")
    let scores: Tensor<Double> = try room.array("npy/counterfactual.npy")
    for item in 0..<40 {
      let known = try #require(tally.memorization(item))
      let line = lines[1 + item]
      #expect(line["memorization"]?["value"]?.double == known.value)
      #expect(values[item] == known.value && intervals[item, 0] == known.interval.lowerBound)
      #expect(scores[item] == tally.counterfactual(item)?.value)
      #expect(line["selfInfluence"]?.double ?? -1 > 0 && line["ledgerShare"]?.double != nil)
    }
    let influence: Tensor<Double> = try room.array("npy/influence.npy")
    let other: Tensor<Double> = try room.array("npy/counterfactual-influence.npy")
    #expect(influence.shape == [8, 40] && other.shape == [8, 40])
    try bank.forEachInfluenceRow(tally) { row in
      #expect(influence.row(row.test).scalars == row.influence)
      #expect(other.row(row.test).scalars == row.counterfactual)
    }
    #expect(lines[41]["influence"]?["value"]?.double == influence.scalars.max())
    #expect(try room.text("report.html").contains("What was memorised"))
  }

  @Test("the same bits for any number of threads, across kills at any moment")
  func kills() async throws {
    let long =
      ["memorization", "run", "--models", "400", "--scores", "npy", "--no-ledger", "--json"]
    let (whole, killed) = (try await Room.withRun(), try await Room.withRun())
    let expected = try await whole.run(long + ["--threads", "1"])
    try #require(expected.status == 0, "\(expected.errors)")
    var kills = 0
    for size in [0, 20_000, 60_000, 100_000] {
      let outcome = try await killed.run(long + ["--threads", "2"]) { process in
        let folder = killed.path("run/memorization")
        Thread.detachNewThread {
          while kill(process, 0) == 0 {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            let bank = names.first { $0.hasSuffix(".models") }
            let attributes = bank.flatMap {
              try? FileManager.default.attributesOfItem(atPath: "\(folder)/\($0)")
            }
            if let found = attributes?[.size] as? Int, found > size {
              kill(process, SIGKILL)
              return
            }
            usleep(500)
          }
        }
      }
      kills += outcome.isSignalled ? 1 : 0
    }
    #expect(kills >= 2, "the models were trained before they were killed")
    let last = try await killed.run(long + ["--threads", "3"])
    #expect(last.status == 0 && last.output == expected.output, "\(last.errors)")
    for folder in ["run/memorization", "npy"] {
      let (made, wanted) = (
        try killed.contents(of: folder).filter { !$0.key.hasSuffix(".part") },
        try whole.contents(of: folder)
      )
      #expect(made == wanted)
    }
  }

  @Test("models are added until the intervals are short, or the answer is no")
  func untilWidth() async throws {
    let room = try await Room.withRun()
    let options = ["memorization", "run", "--no-ledger", "--json", "--until-width"]
    let found = try await room.run(options + ["0.9"])
    #expect(found.status == 0, "\(found.errors)")
    let first = try #require(try found.json.first)
    #expect(first["widestInterval"]?.double ?? 9 <= 0.9)
    let models = try #require(first["models"]?.double)
    #expect(models >= 64 && models.truncatingRemainder(dividingBy: 64) == 0)
    let refused = try await room.run(options + ["0.01", "--models", "70"])
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--until-width: found an interval of "))
    #expect(try refused.json.first?["models"] == .number(70))
  }

  @Test("a dry run says what it would take, and leaves nothing")
  func dryRun() async throws {
    let room = try await Room.withRun()
    let before = try room.contents()
    let line = try #require(
      try await room.run(["memorization", "run", "--models", "2000", "--dry-run", "--json"]).json
        .first)
    #expect(line["models"] == .number(2_000) && line["items"] == .number(40))
    #expect(line["expectedSeconds"]?.double ?? 0 > 0 && line["outputBytes"]?.double ?? 0 > 0)
    #expect(try room.contents() == before)
  }

  @Test("bad input: one line that says what to do, and no models")
  func refused() async throws {
    let room = try await Room.withRun()
    for (options, status, words) in [
      (["run", "--models", "1"], 64, "--models: found 1, expected 2 to 1000000"),
      (["run", "--fraction", "1"], 64, "--fraction: found 1.0"),
      (["run", "--fraction", "0.001"], 64, "keeps at least one item"),
      (["run", "--until-width", "0"], 64, "--until-width: found 0.0"),
      (["run", "--top", "-1"], 64, "--top"), (["run", "--out", "a.pdf"], 64, ".jsonl"),
      (["run", "--scores", "x.npy"], 73, "expected a folder"), (["nowhere"], 66, "run.json"),
      (["run", "--out", "none/a.csv"], 73, "none/a.csv"),
    ] as [([String], Int32, String)] {
      let outcome = try await room.run(["memorization"] + options)
      #expect(outcome.status == status && outcome.output.isEmpty, "\(outcome.errors)")
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
      #expect(outcome.errors.count { $0.isNewline } == 1)
    }
    let numbers = try Room()
    try numbers.writeItems()
    try NPY.write(Tensor<Float>([40, 3], repeating: 1), to: numbers.path("y3.npy"))
    try await numbers.done(
      "train", "--model", "mlp:6-3", "--loss", "squared-error", "--train-x", "x.npy", "--train-y",
      "y3.npy", "--out", "run")
    let outcome = try await numbers.run(["memorization", "run"])
    #expect(outcome.status == 65 && outcome.errors.contains("expected labels"))
  }

  @Test("a bank that another process has, or that was damaged, is refused")
  func bank() async throws {
    let room = try await Room.withRun()
    try await room.run(Self.few + ["--no-ledger"]).require()
    do {
      let lock = try DirectoryLock(folder: room.path("run/memorization"))
      let outcome = try await room.run(Self.few)
      #expect(outcome.status == 75 && outcome.errors.contains("in use by process"))
      withExtendedLifetime(lock) {}
    }
    let name = try #require(
      try room.contents(of: "run/memorization").keys.first { $0.hasSuffix(".models") })
    let path = "run/memorization/\(name)"
    let whole = try room.bytes(path)
    // A tail that is no record goes away; the same models come again.
    try room.write(whole.dropLast(5) + [1, 2, 3], to: path)
    try await room.run(Self.few + ["--no-ledger"]).require()
    #expect(try room.bytes(path) == whole)
    var damaged = whole
    damaged[whole.count / 2] ^= 1
    try room.write(damaged, to: path)
    let outcome = try await room.run(Self.few)
    #expect(outcome.status == 65 && outcome.errors.contains("remove the file and start again"))
    #expect(try room.bytes(path) == damaged)
  }
}

@Suite("Wrong labels from the command line")
struct MislabelTests {
  @Test("labels that were flipped are recorded, and found")
  func flipped() async throws {
    let room = try await Room.withRun(
      items: 60, "--flip-labels", "0.2", "--epochs", "60", "--precision", "float64")
    let record = try RunRecord(folder: room.path("run"))
    let flipped = try #require(record.manifest.flippedLabels)
    #expect(flipped.items.count == 12)
    let train: Dataset<Double> = try record.train()
    let (now, before) = (
      try #require(train.labels), try StoredArray.read(path: room.path("y.npy")).integers()
    )
    #expect(now.indices.filter { Int64(now[$0]) != before[$0] } == flipped.items)
    let options = ["evaluate", "run", "--metrics", "mislabel", "--subsets", "60"]
    let lines = try await room.run(options + ["--json"]).json
    let found = lines.filter { $0["kind"]?.string == "evaluation" }
    #expect(
      found.map { $0["method"]?.string }
        == ["tracin", "tracin", "credit", "credit", "memorization", "memorization"]
        + ["counterfactual", "counterfactual"])
    #expect(found.allSatisfy { $0["queries"] == .number(60) })
    // Wrong labels of a learnable task stand out.
    #expect(found[0]["mean"]?.double ?? 0 > 0.8 && found[6]["mean"]?.double ?? 0 > 0.8)
    // The same from a file that says which they are.
    try NPY.write(
      StoredArray(flipped.items.map { Int64($0) }, shape: [12]), to: room.path("wrong.npy"))
    let again = try await room.run(
      options + ["--json", "--methods", "tracin", "--mislabeled", "wrong.npy"]
    ).json
    let area = again.last { $0["trial"]?.string == "area under the curve" }
    #expect(area?["mean"] == found[0]["mean"])
    let table = try await room.run(options + ["--methods", "tracin", "--metrics", "mislabel"])
    #expect(table.output.contains("found in the first 12"))
  }

  @Test("bad lists and bad shares are refused")
  func refused() async throws {
    let room = try await Room.withRun()
    func expectRefusal(_ arguments: [String], _ status: Int32, _ words: String) async throws {
      let outcome = try await room.run(arguments)
      #expect(outcome.status == status && outcome.errors.contains(words), "\(outcome.errors)")
      #expect(outcome.errors.count { $0.isNewline } == 1)
    }
    for (numbers, words) in [
      ([3, 40], "element 1: found row 40, expected rows of items, 0 to 39, each once"),
      ([3, -1], "found row -1"), ([5, 5], "found row 5 twice"),
    ] as [([Int64], String)] {
      try NPY.write(StoredArray(numbers, shape: [numbers.count]), to: room.path("wrong.npy"))
      try await expectRefusal(
        ["evaluate", "run", "--metrics", "mislabel", "--mislabeled", "wrong.npy"], 65, words)
    }
    for share in ["0", "1", "2", "0.001"] {
      try await expectRefusal(
        Room.training + ["--out", "new", "--flip-labels", share], 64, "flip labels: found")
    }
    #expect(!FileManager.default.fileExists(atPath: room.path("new")))
  }
}

extension Room.Outcome {
  fileprivate func require(location: SourceLocation = #_sourceLocation) throws {
    try #require(status == 0, "\(errors)", sourceLocation: location)
  }
}
