import Foundation
import Palimpsest
import Testing

@Suite("Receipts from the command line")
struct RetrainTests {
  @Test("a run comes out bit for bit, and a changed learning rate is found out")
  func check() async throws {
    let room = try await Room.withRun(items: 40, "--optimizer", "adam", "--lr", "0.01")
    #expect(
      try await room.done("retrain", "run", "--check").output
        == "run: 18 steps replayed; every checkpoint comes out bit for bit\n")
    let object = try #require(
      try await room.done("retrain", "run", "--check", "--json").json.first)
    #expect(object["isExact"] == .bool(true) && object["steps"] == .number(18))
    try room.edit("run/run.json", ", 0.01]", ", 0.02]")
    for more in [["--check"], ["--without", "3", "--query", "test:0"]] {
      let outcome = try await room.run(["retrain", "run"] + more)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("departs from the record by the checkpoint after step 18"))
      #expect(outcome.errors.count { $0.isNewline } == 1)
    }
    let departed = try await room.run(["retrain", "run", "--check", "--json"])
    #expect(try departed.json.first?["departureStep"] == .number(18))
  }

  @Test("what comes out is the run trained without the items")
  func actual() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    let lines = try await room.done(
      "retrain", "run", "--without", "3,17", "--without", "5..<9", "--query", "test:0..<2",
      "--columns", "marginal,credit", "--json"
    ).json
    #expect(
      lines.map { $0["kind"]?.string } == ["replay"] + Array(repeating: "receipt", count: 4)
        + ["fit", "fit"])
    let record = try RunRecord(folder: room.path("run"))
    let run: TrainingRun<Double> = try record.run()
    let test = try #require(run.test?.items)
    func losses(without items: [Int]) throws -> [Double] {
      var run = run
      run.itemWeights = (0..<40).map { items.contains($0) ? 0 : 1 }
      let trainer = run.makeTrainer()
      try trainer.run(run.batches, run.learningRates)
      return run.model.values(
        of: .loss, loss: run.loss, on: test[[0, 1]], at: trainer.parameters)
    }
    let before = try losses(without: [])
    for (number, items) in [[3, 17], [5, 6, 7, 8]].enumerated() {
      let after = try losses(without: items)
      for query in 0..<2 {
        let receipt = lines[1 + 2 * number + query]
        #expect(receipt["query"]?.string == "test:\(query)")
        #expect(receipt["actual"]?.double == after[query] - before[query])
      }
    }
    // Two items of forty: the derivative foresees the sign and the size.
    let predicted = try #require(lines[1]["predicted"]?["marginal"]?.double)
    let actual = try #require(lines[1]["actual"]?.double)
    #expect(abs(predicted - actual) < 0.5 * abs(actual))
  }

  @Test("predictions are the sums of the ledger's rows, in the sign of the measure")
  func predictions() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    for measure in [Measure.loss, .margin] {
      let query = ["--query", "test:1", "--measure", measure.rawValue, "--columns", "credit"]
      _ = try await room.run(["ledger", "run", "--scores", "npy", "--tolerance", "1"] + query)
      let credit: Tensor<Double> = try room.array("npy/credit.npy")
      let rows = credit.scalars
      let strongest = rows.indices.sorted { rows[$0] > rows[$1] }.prefix(3)
      let outcome = try await room.run(["retrain", "run", "--without-top", "3", "--json"] + query)
      let receipt = try outcome.json[1]
      let sum = strongest.reduce(0) { $0 + rows[$1] }
      let predicted = try #require(receipt["predicted"]?["credit"]?.double)
      // Visits are summed in another order.
      #expect(abs(predicted - (measure == .loss ? sum : -sum)) < 1e-12)
      #expect(receipt["removed"]?.string == "its 3 strongest supporters")
    }
  }

  @Test("an item goes with its copies")
  func copies() async throws {
    let room = try Room()
    try room.writeItems()
    var inputs: Tensor<Float> = try room.array("x.npy")
    inputs.scalars.replaceSubrange(30..<36, with: inputs.scalars[12..<18])
    try NPY.write(inputs, to: room.path("x.npy"))
    let trained = try await room.run(Room.training + ["--out", "run"])
    try #require(trained.status == 0, "\(trained.errors)")
    let query = ["--query", "test:0", "--columns", "credit", "--json"]
    let copies = try await room.run(
      ["retrain", "run", "--near-duplicates", "2", "--similarity", "1"] + query)
    let list = try await room.run(["retrain", "run", "--without", "2,5"] + query)
    #expect(try copies.json[1]["removed"]?.string == "train:2 and 1 like it")
    #expect(try copies.json[1]["actual"] == list.json[1]["actual"])
    #expect(try copies.json[1]["predicted"] == list.json[1]["predicted"])
  }

  @Test("groups, other denominators and swaps")
  func semantics() async throws {
    let room = try await Room.withRun()
    let groups = (0..<40).map { $0 < 4 ? "\"Anna\"" : "\"Béla\"" }.joined(separator: ", ")
    try room.edit("run/run.json", "\"count\": 40,", "\"count\": 40, \"groups\": [\(groups)],")
    let query = ["--query", "test:0", "--columns", "credit", "--json"]
    let group = try await room.run(["retrain", "run", "--without-group", "Anna"] + query)
    let list = try await room.run(["retrain", "run", "--without", "0..<4"] + query)
    let actual = try list.json[1]["actual"]
    #expect(try group.json[1]["actual"] == actual)
    #expect(try group.json[1]["removed"]?.string == "group Anna, 4 items")
    let run: TrainingRun<Float> = try RunRecord(folder: room.path("run")).run()
    let test = try #require(run.test?.items)
    func loss(_ run: TrainingRun<Float>) throws -> Double {
      let trainer = run.makeTrainer()
      try trainer.run(run.batches, run.learningRates)
      let values = run.model.values(
        of: .loss, loss: run.loss, on: test[[0]], at: trainer.parameters)
      return Double(values[0])
    }
    let before = try loss(run)
    for (more, semantics) in [
      ([], .fixedDenominator), (["--renormalize"], .renormalized),
      (["--swap", "test:0..<4"], .swapped(with: [0, 1, 2, 3])),
    ] as [([String], Removal.Semantics)] {
      let outcome = try await room.run(["retrain", "run", "--without", "0..<4"] + more + query)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let after = try loss(Removal([0, 1, 2, 3], semantics).applied(to: run))
      #expect(try outcome.json[1]["actual"]?.double == after - before)
    }
  }

  @Test("a refused column is named with the reason, and an answer of no where it was asked for")
  func refused() async throws {
    // Kinks, and steps that are far too large for the integral over the weight.
    let room = try await Room.withRun(
      items: 40, "--precision", "float64", "--lr", "3", "--model", "mlp:6-5-3:relu")
    let options = ["retrain", "run", "--query", "test:0", "--without", "3"]
    let text = try await room.run(options)
    #expect(text.status == 0, "\(text.errors)")
    let words = text.output.split { $0.isWhitespace }.joined(separator: " ")
    #expect(words.contains("The column integrated predicts nothing for test:0, because "))
    #expect(words.contains(" refused "))
    let lines = try await room.run(options + ["--json"]).json
    #expect(lines[1]["predicted"]?["integrated"] == .null)
    #expect(lines[1]["predicted"]?["credit"]?.double != nil)
    let named = try await room.run(options + ["--columns", "integrated", "--json"])
    #expect(named.status == 1)
    #expect(try named.json.map { $0["kind"]?.string } == ["replay", "receipt"])
    #expect(named.errors.contains("palimpsest: test:0: the column integrated is refused: "))
  }

  @Test("reports of every kind")
  func reports() async throws {
    let room = try await Room.withRun()
    for ending in ["html", "jsonl", "csv", "txt"] {
      try await room.done(
        "retrain", "run", "--without", "1", "--without", "2", "--query", "test:0..<2", "--columns",
        "credit,marginal", "--out", "receipts.\(ending)")
    }
    #expect(try room.text("receipts.html").contains("How well each column foresaw it"))
    let table = try room.text("receipts.csv").split(separator: "\r\n")
    #expect(table.count == 5 && table[0] == "query,removed,credit,marginal,actual,unit")
  }
}
