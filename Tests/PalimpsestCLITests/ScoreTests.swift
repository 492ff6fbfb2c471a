import Foundation
import Palimpsest
import Testing

@Suite("Scores from the command line")
struct ScoreTests {
  private let room: Room

  init() async throws { room = try await Room.withRun() }

  @Test("the matrix, the printed sums and the strongest items are the same numbers")
  func consistent() async throws {
    let lines = try await room.done(
      "score", "run", "--query", "test:0..<5", "--query", "train:7", "--query", "test:label=1",
      "--top", "4", "--scores", "s.npy", "--json"
    ).json
    let scores: Tensor<Double> = try room.array("s.npy")
    let (header, queries) = (try #require(lines.first), lines.dropFirst())
    #expect(header["kind"]?.string == "header" && header["method"]?.string == "tracin")
    #expect(header["queries"] == .number(queries.count) && header["items"] == .number(40))
    #expect(scores.shape == [queries.count, 40])
    #expect(queries.dropFirst(5).first?["id"]?.string == "train:7")
    let labels = try StoredArray.read(path: room.path("qy.npy")).integers()
    #expect(
      queries.dropFirst(6).map { $0["id"]?.string ?? "" }
        == labels.indices.filter { labels[$0] == 1 }.map { "test:\($0)" })
    for (row, query) in queries.enumerated() {
      let own = scores.row(row).scalars
      // Sums of 40 numbers in another order.
      let gross = own.map(abs).reduce(0, +)
      #expect(abs(try #require(query["gross"]?.double) - gross) <= 1e-12 * gross)
      #expect(abs(try #require(query["net"]?.double) - own.reduce(0, +)) <= 1e-12 * gross)
      let order = own.indices.sorted { own[$0] == own[$1] ? $0 < $1 : own[$0] > own[$1] }
      for (side, expected) in [
        ("supporters", order.prefix(4)), ("opponents", order.reversed().prefix(4)),
      ] {
        let found = query[side]?.array ?? []
        #expect(found.map { $0["item"]?.integer(Int.self) ?? -1 } == Array(expected))
        #expect(found.map { $0["score"]?.double ?? 0 } == expected.map { own[$0] })
      }
    }
  }

  @Test("the aggregate is the sum over the queries")
  func aggregate() async throws {
    try await room.done("score", "run", "--query", "test:0..<8", "--scores", "s.npy")
    let lines = try await room.done(
      "score", "run", "--query", "test:0..<8", "--aggregate", "--scores", "a.npy", "--json"
    ).json
    #expect(lines.count == 2)
    let (all, sum): (Tensor<Double>, Tensor<Double>) = (
      try room.array("s.npy"), try room.array("a.npy")
    )
    #expect(sum.shape == [1, 40])
    let largest = all.scalars.map(abs).max() ?? 0
    for item in 0..<40 {
      let expected = (0..<8).reduce(0.0) { $0 + all[$1, item] }
      // Float32 rounds each of eight scores.
      #expect(abs(sum[0, item] - expected) < 8 * 1e-6 * largest)
    }
  }

  @Test("the search for the strongest finds what the full pass finds, and leaves work out")
  func topOnly() async throws {
    let large = try await Room.withRun(items: 9_000, "--batch-size", "300", "--epochs", "4")
    for more in [[], ["--measure", "margin"], ["--method", "grad-dot"], ["--aggregate"]] {
      let full = try await large.run(["score", "run", "--query", "test:0..<8", "--json"] + more)
      let top = try await large.run(
        ["score", "run", "--query", "test:0..<8", "--top-only", "--json"] + more)
      try #require(full.status == 0 && top.status == 0, "\(top.errors)")
      let skipped = try #require(
        top.errors.wholeMatch(of: /early stopping: ([0-9.]+) % of the products were not needed\n/))
      if more.isEmpty { #expect(try #require(Double(skipped.1)) > 0) }
      let (all, found) = (try full.json.dropFirst(), try top.json.dropFirst())
      #expect(all.count == found.count)
      for (one, other) in zip(all, found) {
        for key in ["id", "measured", "supporters", "opponents"] {
          #expect(one[key] == other[key], "\(key)")
        }
        #expect(other["gross"] == .null)
      }
    }
  }

  @Test("every measure and every method")
  func measuresAndMethods() async throws {
    var measured: [Measure: [Double]] = [:]
    for measure in Measure.allCases {
      let lines = try await room.done(
        "score", "run", "--query", "test:0..<8", "--measure", measure.rawValue, "--json",
        "--scores", "\(measure.rawValue).npy"
      ).json
      #expect(lines.first?["measure"]?.string == measure.rawValue)
      measured[measure] = lines.dropFirst().compactMap { $0["measured"]?.double }
    }
    let losses = try #require(measured[.loss])
    #expect(losses.count == 8)
    for (loss, other) in zip(losses, try #require(measured[.logProbability])) {
      #expect(abs(loss + other) < 1e-6)
    }
    for (loss, margin) in zip(losses, try #require(measured[.margin])) {
      #expect(abs(log(exp(loss) - 1) + margin) < 1e-4)
    }
    // What lowers the loss raises the log-probability by as much.
    #expect(try room.bytes("loss.npy") == room.bytes("log-probability.npy"))
    for method in EstimatorRegistry.gradients {
      let name = method.name
      let lines = try await room.done(
        "score", "run", "--method", name, "--query", "test:0", "--json"
      )
      .json
      #expect(lines.first?["method"]?.string == name)
      #expect(
        lines.first?["unit"]?.string == method.unit(.loss, loss: .crossEntropy, weights: .steps))
      let own = try await room.done("self-influence", "run", "--method", name, "--json").json
      #expect(own.count == 10)
      let values = own.compactMap { $0["value"]?.double }
      #expect(values == values.sorted(by: >) && values.allSatisfy { $0 >= 0 })
    }
  }

  @Test("the diagonal is what the items score for themselves")
  func selfInfluence() async throws {
    try await room.done("score", "run", "--query", "train:0..<40", "--scores", "s.npy")
    try await room.done("self-influence", "run", "--scores", "self.npy")
    let (scores, own): (Tensor<Double>, Tensor<Double>) = (
      try room.array("s.npy"), try room.array("self.npy")
    )
    #expect(own.shape == [40])
    for item in 0..<40 {
      #expect(abs(scores[item, item] - own.scalars[item]) <= 1e-5 * own.scalars[item])
    }
  }

  @Test("reports of every kind")
  func reports() async throws {
    for ending in ["html", "jsonl", "csv", "txt"] {
      try await room.done("score", "run", "--query", "test:0..<2", "--out", "report.\(ending)")
    }
    let page = try room.text("report.html")
    #expect(
      page.hasPrefix("<!DOCTYPE html>") && page.contains("test:1") && page.contains("</html>"))
    #expect(try jsonLines(room.text("report.jsonl")).count == 3)
    let table = try room.text("report.csv").split(separator: "\r\n")
    // Two queries, two sides, five items.
    #expect(table.count == 1 + 20 && table[0].hasPrefix("query,"))
    #expect(try room.text("report.txt").contains("How concentrated the scores are"))
  }

  @Test("a dry run says what it would take and writes nothing")
  func dryRun() async throws {
    let before = try room.contents()
    let text = try await room.done(
      "score", "run", "--query", "test:0..<8", "--scores", "s.npy", "--out", "r.html", "--dry-run")
    #expect(text.output.contains("peak memory") && text.errors == "")
    let estimate = try #require(
      try await room.done(
        "score", "run", "--query", "test:0..<8", "--scores", "s.npy", "--dry-run", "--json"
      ).json.first)
    #expect(estimate["queries"] == .number(8) && estimate["items"] == .number(40))
    #expect(estimate["outputBytes"] == .number(8 * 40 * 4))
    for key in ["parameters", "operations", "expectedSeconds", "peakBytes"] {
      #expect(estimate[key]?.double ?? 0 > 0, "\(key)")
    }
    try await room.done("self-influence", "run", "--scores", "s.npy", "--dry-run")
    #expect(try room.contents() == before)
  }

  @Test("inspection of runs and files")
  func inspect() async throws {
    let run = try #require(try await room.done("inspect", "run", "--json").json.first)
    #expect(run["model"]?.string == Room.model && run["steps"] == .number(18))
    #expect(run["checkpoints"] == .array([.number(0), .number(6), .number(12), .number(18)]))
    #expect(try await room.done("inspect", "run").output.contains("\nsteps: 18\n"))
    let file = "run/checkpoints/00000000.safetensors"
    let arrays = try #require(
      try await room.done("inspect", file, "--json").json.first?["arrays"]?.array)
    #expect(
      arrays.compactMap { $0["name"]?.string } == ["0.bias", "0.weight", "2.bias", "2.weight"])
    #expect(arrays.first?["shape"] == .array([.number(5)]))
    #expect(try await room.done("inspect", file).output.contains("0.weight  float32  [5, 6]\n"))
  }

  @Test(
    "scores from named checkpoints are PyTorch's",
    arguments: ["tanh", "linear-squared-error", "tanh-ignored-labels"],
    RunManifest.Precision.allCases)
  func oracle(_ name: String, _ precision: RunManifest.Precision) async throws {
    let oracle = try Safetensors(
      path: repositoryFile("Tests/Oracles/data/models/\(name).safetensors"))
    let metadata = Dictionary(uniqueKeysWithValues: oracle.metadata.map { ($0.name, $0.text) })
    for (array, file) in [
      ("x_train", "tx"), ("y_train", "ty"), ("x_query", "qx"), ("y_query", "qy"),
    ] { try NPY.write(try #require(oracle[array]), to: room.path("\(file).npy")) }
    var options = [
      "score", "--model", try #require(metadata["model"]), "--loss",
      try #require(metadata["loss"]), "--precision", precision.rawValue, "--train-x", "tx.npy",
      "--train-y", "ty.npy", "--query-x", "qx.npy", "--query-y", "qy.npy", "--scores", "s.npy",
    ]
    let rates: Tensor<Double> = try #require(oracle["learning_rates"]).tensor()
    for (number, rate) in rates.scalars.enumerated() {
      let prefix = "checkpoint.\(number + 1)."
      let arrays = oracle.arrays.filter { $0.name.hasPrefix(prefix) }.map {
        NamedArray(String($0.name.dropFirst(prefix.count)), $0.array)
      }
      try Safetensors(arrays).write(to: room.path("c\(number).safetensors"))
      options += ["--checkpoint", "c\(number).safetensors:\(rate)"]
    }
    for (method, tensor) in [
      ("tracin", "tracin"), ("tracin-last-layer", "tracin_last_layer"), ("grad-dot", "grad_dot"),
      ("grad-cos", "grad_cos"),
    ] {
      let outcome = try await room.run(options + ["--method", method])
      try #require(outcome.status == 0, "\(outcome.errors)")
      let expected: Tensor<Double> = try #require(oracle[tensor]).tensor()
      let found: Tensor<Double> = try room.array("s.npy")
      let scale = expected.scalars.map(abs).max() ?? 1
      let difference = zip(found.scalars, expected.scalars).map { abs($0 - $1) }.max() ?? .infinity
      #expect(difference <= (precision == .float64 ? 1e-10 : 1e-4) * scale, "\(method)")
    }
  }
}
