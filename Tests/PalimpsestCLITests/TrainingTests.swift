import Foundation
import Palimpsest
import Testing

@Suite("Training from the command line")
struct TrainingTests {
  private static let oracles = repositoryFile("Tests/Oracles/data")

  /// Runs of PyTorch that the command has options for.
  static let cases: [(name: String, options: [String])] = [
    ("sgd", ["--lr", "0.2"]),
    ("sgd-coupled", ["--lr", "0.2", "--weight-decay", "0.05"]),
    ("sgd-clipped", ["--lr", "0.2", "--clip-norm", "0.8"]),
    ("sgd-cosine", ["--lr", "0.3", "--schedule", "cosine:0.02"]),
    ("sgd-warm-up", ["--lr", "0.3", "--schedule", "warmup:4+constant"]),
    ("momentum", ["--optimizer", "momentum", "--lr", "0.1"]),
    ("nesterov", ["--optimizer", "nesterov", "--lr", "0.1", "--momentum", "0.8"]),
    ("adam", ["--optimizer", "adam", "--lr", "0.02"]),
    ("adamw", ["--optimizer", "adamw", "--lr", "0.02", "--weight-decay", "0.1"]),
  ]

  @Test("digits are pictures for a model that takes them, and a loss that grew is said")
  func digitsAsPictures() async throws {
    let room = try Room()
    for (model, shape) in [
      ("cnn:1x8x8:2c3-10:relu", [1_500, 1, 8, 8]), ("mlp:64-10:tanh", [1_500, 64]),
    ] as [(String, Shape)] {
      let arguments = ["train", "--data", "digits", "--model", model, "--epochs", "1", "--out"]
      let fine = try await room.run(arguments + ["fine\(shape.rank)"])
      #expect(fine.status == 0 && fine.errors == "", "\(fine.errors)")
      let inputs: Tensor<Float> = try room.array("fine\(shape.rank)/data/train-x.npy")
      #expect(inputs.shape == shape)
      let bad = try await room.run(arguments + ["bad\(shape.rank)", "--lr", "1e4"])
      if bad.status == 0 {
        #expect(bad.errors.contains("is more than twice that of the first"), "\(bad.errors)")
      } else {
        #expect(bad.errors.contains("NaN or infinite"))
      }
    }
  }

  @Test(
    "a run of PyTorch comes out again from its initial parameters and its batches",
    arguments: cases.map(\.name), RunManifest.Precision.allCases)
  func reproduces(_ name: String, _ precision: RunManifest.Precision) async throws {
    let room = try Room()
    let files = Self.oracles + "/command"
    let options = try #require(Self.cases.first { $0.name == name }).options
    let outcome = try await room.run(
      [
        "train", "--out", "run", "--model", "mlp:8-4-5:tanh", "--train-x", "\(files)/train-x.npy",
        "--train-y", "\(files)/train-y.npy", "--init", "\(files)/initial.safetensors",
        "--batches", "\(files)/batches.npy", "--checkpoint-every", "1", "--precision",
        precision.rawValue,
      ] + options)
    try #require(outcome.status == 0, "\(outcome.errors)")
    let record = try RunRecord(folder: room.path("run"))
    let oracle = try Safetensors(path: "\(Self.oracles)/optimizers/\(name).safetensors")
    let isDouble = precision == .float64
    let expected: Tensor<Double> = try #require(
      oracle[isDouble ? "parameters" : "parameters.float32"]
    ).tensor()
    #expect(try record.checkpoints() == Array(0...10))
    for step in 1...10 {
      let (made, wanted): ([Double], [Double]) = (
        try record.parameters(at: step), expected.row(step - 1).scalars
      )
      let scale = wanted.map(abs).max() ?? 1
      let difference = zip(made, wanted).map { abs($0 - $1) }.max() ?? .infinity
      // Float32 rounds every operation to 6e-8, and ten steps carry it on.
      #expect(difference <= (isDouble ? 1e-10 : 1e-5) * scale, "step \(step)")
    }
  }

  /// The parameters after the last step of a run.
  private func parameters(_ room: Room, _ run: String) throws -> [Float] {
    let record = try RunRecord(folder: room.path(run))
    return try record.parameters(at: record.steps)
  }

  @Test("an item of weight 2 pulls twice, one of weight 0 not at all")
  func weights() async throws {
    let room = try await Room.withRun()
    try NPY.write(
      Tensor<Float>([40], [Float](repeating: 2, count: 40)), to: room.path("twos.npy"))
    let doubled = try await room.run(
      Room.training + ["--out", "doubled", "--lr", "0.1", "--weights", "twos.npy"])
    try #require(doubled.status == 0, "\(doubled.errors)")
    #expect(try parameters(room, "doubled") == parameters(room, "run"))

    var weights = [Float](repeating: 1, count: 40)
    weights[3] = 0
    try NPY.write(Tensor<Float>([40], weights), to: room.path("without.npy"))
    func without(_ run: String) async throws -> [Float] {
      let outcome = try await room.run(
        Room.training + ["--out", run, "--weights", "without.npy"])
      try #require(outcome.status == 0, "\(outcome.errors)")
      return try parameters(room, run)
    }
    let made = try await without("without")
    var inputs: Tensor<Float> = try room.array("x.npy")
    for index in 18..<24 { inputs.scalars[index] += 5 }
    try NPY.write(inputs, to: room.path("x.npy"))
    #expect(try await without("changed") == made)
    #expect(try parameters(room, "run") != made)

    try await room.done("score", "without", "--query", "test:0..<8", "--scores", "s.npy")
    let scores: Tensor<Float> = try room.array("s.npy")
    for query in 0..<8 {
      #expect(scores[query, 3] == 0)
      #expect(scores[query, 4] != 0)
    }
  }

  @Test("the last batch of an epoch may be short")
  func shortBatch() async throws {
    let room = try await Room.withRun()
    let batches = try StoredArray.read(path: room.path("run/batches.npy"))
    #expect(batches.shape == [18, 7])
    let rows = try batches.integers()
    for epoch in 0..<3 {
      let own = rows[epoch * 42..<(epoch + 1) * 42]
      #expect(own.filter { $0 >= 0 }.sorted() == Array(0..<40))
      #expect(own.suffix(2) == [-1, -1] && own.dropLast(2).allSatisfy { $0 >= 0 })
    }
    // A batch larger than the data is all of them.
    let outcome = try await room.run(
      Room.training + ["--out", "large", "--batch-size", "1000"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try StoredArray.read(path: room.path("large/batches.npy")).shape == [3, 40])
  }

  @Test("npy, IDX, compressed IDX and CSV of the same items train and score to the same bits")
  func formats() async throws {
    let room = try Room()
    var stream = RandomStream(seed: 5, stream: 7_001)
    let pixels = (0..<30 * 9).map { _ in UInt8(stream.nextInteger(below: 256)) }
    let labels = (0..<30).map { UInt8($0 % 3) }
    let floats = pixels.map { Float($0) / 255 }
    try NPY.write(Tensor<Float>([30, 9], floats), to: room.path("x.npy"))
    try NPY.write(StoredArray(labels.map { Int64($0) }, shape: [30]), to: room.path("y.npy"))
    try room.write([0, 0, 8, 3, 0, 0, 0, 30, 0, 0, 0, 3, 0, 0, 0, 3] + pixels, to: "x.idx")
    try room.write([0, 0, 8, 1, 0, 0, 0, 30] + labels, to: "y.idx")
    let rows = (0..<30).map { row in
      floats[row * 9..<(row + 1) * 9].map { "\($0)" }.joined(separator: ",")
    }
    let head = (0..<9).map { "pixel\($0)" }.joined(separator: ",")
    try room.write(([head] + rows).joined(separator: "\n").utf8, to: "x.csv")
    try room.write((["digit"] + labels.map { "\($0)" }).joined(separator: "\r\n").utf8, to: "y.csv")
    let lines = zip(rows, labels).map { "{\"x\": [\($0)], \"y\": \($1)}" }
    try room.write(lines.joined(separator: "\n").utf8, to: "x.jsonl")
    for name in ["x", "y"] {
      let gzip = try Process.run(
        URL(fileURLWithPath: "/usr/bin/env"), arguments: ["gzip", "-k", room.path("\(name).idx")])
      gzip.waitUntilExit()
      try #require(gzip.terminationStatus == 0)
    }
    var results: [Data] = []
    for ending in ["npy", "idx", "idx.gz", "csv", "jsonl"] {
      // Lines of JSON bring their labels.
      let labels = ending == "jsonl" ? [] : ["--train-y", "y.\(ending)"]
      let options = ["--train-x", "x.\(ending)"] + labels
      let outcome = try await room.run(
        ["train", "--out", "run-\(ending)", "--model", "mlp:9-4-3", "--epochs", "2"]
          + ["--batch-size", "8"] + options)
      try #require(outcome.status == 0, "\(outcome.errors)")
      try await room.done(
        "score", "run-\(ending)", "--query", "train:0..<5", "--scores", "\(ending).npy")
      results.append(try room.bytes("\(ending).npy"))
    }
    for result in results.dropFirst() { #expect(result == results[0]) }
  }

  @Test("numbers can be learnt as well as classes")
  func regression() async throws {
    let room = try Room()
    try room.writeItems()
    let inputs: Tensor<Float> = try room.array("x.npy")
    let sums = (0..<40).map { item in inputs.row(item).scalars.reduce(0, +) }
    try NPY.write(Tensor<Float>([40], sums), to: room.path("y.npy"))
    let outcome = try await room.run([
      "train", "--out", "run", "--model", "mlp:6-5-1:tanh", "--loss", "squared-error",
      "--train-x", "x.npy", "--train-y", "y.npy", "--epochs", "20", "--batch-size", "8", "--json",
    ])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let result = try #require(try outcome.json.first)
    #expect(result["steps"] == .number(100) && result["items"] == .number(40))
    #expect(try #require(result["lastBatchLoss"]?.double) < 6)
    let report = try await room.done("score", "run", "--query", "train:0..<2", "--json").json
    #expect(report.count == 3)
    #expect(report.first?["unit"]?.string == "units of the query's loss")
    let refused = try await room.run(["score", "run", "--query", "train:0", "--measure", "margin"])
    #expect(refused.status == 64 && refused.errors.contains("needs class labels"))
  }

  @Test("a dry run says what it would take and writes nothing")
  func dryRun() async throws {
    let room = try Room()
    try room.writeItems()
    let before = try room.contents()
    for more in [[], ["--json"]] {
      let outcome = try await room.run(Room.training + ["--out", "run", "--dry-run"] + more)
      #expect(outcome.status == 0 && outcome.errors == "")
      #expect(outcome.output.contains(more.isEmpty ? "expected time" : "expectedSeconds"))
      if more.isEmpty { continue }
      let estimate = try #require(try outcome.json.first)
      #expect(estimate["items"] == .number(40) && estimate["steps"] == .number(18))
      #expect(estimate["parameters"] == .number(6 * 5 + 5 + 5 * 3 + 3))
      #expect(try #require(estimate["peakBytes"]?.double) > 1e6)
    }
    #expect(try room.contents() == before)
  }

  @Test("--dry-run counts what every position of a network takes")
  func workOfPositions() async throws {
    let room = try Room()
    let shape: Shape = [4, 16]
    let tokens = StoredArray((0..<shape.count).map { Int64($0 % 7) }, shape: shape)
    for name in ["x.npy", "y.npy"] { try NPY.write(tokens, to: room.path(name)) }
    let model = "transformer:vocabulary=7,context=16,width=32,heads=2,layers=2"
    func estimate(batch: Int) async throws -> JSONValue {
      let outcome = try await room.done(
        "train", "--model", model, "--train-x", "x.npy", "--train-y", "y.npy", "--epochs", "1",
        "--batch-size", "\(batch)", "--out", "run", "--dry-run", "--json")
      return try #require(try outcome.json.first)
    }
    let (one, four) = (try await estimate(batch: 1), try await estimate(batch: 4))
    let matrices = 2.0 * 12 * 32 * 32 + 7 * 32
    // Forward and backward three products of each matrix with 64 positions; attention, and what is
    // done element by element, is the rest.
    let found = try #require(four["operations"]?.double)
    #expect(found > 6 * 64 * matrices && found < 1.5 * 6 * 64 * matrices, "\(found)")
    #expect(abs(found - (try #require(one["operations"]?.double))) < 1e-6 * found)
    let peaks = try [one, four].map { try #require($0["peakBytes"]?.double) }
    // Each item more keeps at least its 34 numbers of each position, width and block.
    #expect(peaks[1] - peaks[0] > 3 * 4 * 16 * 32 * 2 * 10)
  }

  @Test("items and groups have the names of a file, and are found by them")
  func names() async throws {
    let room = try Room()
    try room.writeItems()
    let ids = (0..<40).map { $0 == 7 ? "Zoë, the elder" : $0 == 9 ? "3" : "person \($0)" }
    try room.write(ids.joined(separator: "\n").utf8, to: "ids.txt")
    try room.write((0..<40).map { $0 < 4 ? "Anna\n" : "-\n" }.joined().utf8, to: "groups.txt")
    let trained = try await room.run(
      Room.training + ["--out", "run", "--train-ids", "ids.txt", "--train-groups", "groups.txt"])
    try #require(trained.status == 0, "\(trained.errors)")
    let query = ["--query", "test:0", "--columns", "credit", "--tolerance", "1"]
    let ledger = try await room.run(["ledger", "run", "--top", "40"] + query)
    #expect(ledger.output.contains("Zoë, the elder (7)  ") && ledger.output.contains("Anna"))
    let object = try #require(
      try await room.run(["ledger", "run", "--top", "40", "--json"] + query).json.first)
    let top = try #require(object["credit"]?["top"]?.array)
    #expect(top.contains { $0["id"]?.string == "Zoë, the elder" && $0["item"] == .number(7) })
    #expect(object["groups"]?.array?.count == 2)
    func actual(_ options: String...) async throws -> (removed: String?, actual: Double?) {
      let outcome = try await room.run(["retrain", "run", "--json"] + options + query)
      try #require(outcome.status == 0, "\(outcome.errors)")
      let receipt = try outcome.json[1]
      return (receipt["removed"]?.string, receipt["actual"]?.double)
    }
    let byNumber = try await actual("--without", "7")
    #expect(byNumber.removed == "Zoë, the elder (7)")
    #expect(try await actual("--without", "Zoë, the elder") == byNumber)
    let both = try await actual("--without", "person 5,7")
    #expect(both == (try await actual("--without", "5,7")))
    let copies = try await actual("--near-duplicates", "Zoë, the elder", "--similarity", "1")
    #expect(copies.actual == byNumber.actual)
    // A name that is another item's number.
    let unclear = try await room.run(["retrain", "run", "--without", "3"] + query)
    #expect(unclear.status == 64)
    #expect(unclear.errors.contains("found \"3\", which may be item 3 or 9, expected one"))
    let unknown = try await room.run(["retrain", "run", "--without", "Zoë"] + query)
    #expect(unknown.status == 64 && unknown.errors.contains("or an id"))
    try room.write((["Ann", "Ann"] + ids.dropFirst(2)).joined(separator: "\n").utf8, to: "ids.txt")
    let twice = try await room.run(Room.training + ["--out", "new", "--train-ids", "ids.txt"])
    #expect(twice.status == 65 && twice.errors.contains("“Ann” in lines 1 and 2"))
  }
}
