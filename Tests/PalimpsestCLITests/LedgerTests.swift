import Foundation
import Palimpsest
import Testing

@Suite("Ledgers from the command line")
struct LedgerTests {
  @Test("rows, sums and matrices are the same numbers, and they add up")
  func consistent() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    let objects = try await room.done(
      "ledger", "run", "--query", "test:0..<3", "--query", "train:7", "--top", "4", "--scores",
      "npy", "--json"
    ).json
    #expect(objects.map { $0["id"]?.string } == ["test:0", "test:1", "test:2", "train:7"])
    #expect(
      objects.allSatisfy {
        $0["measure"]?.string == "loss" && $0["unit"]?.string == "nats of the query's loss"
      })
    for column in LedgerColumn.allCases {
      let matrix: Tensor<Double> = try room.array("npy/\(column.rawValue).npy")
      #expect(matrix.shape == [4, 40])
      for (query, object) in objects.enumerated() {
        let (own, rows) = (try #require(object[column.rawValue]), matrix.row(query).scalars)
        let gross = rows.map(abs).reduce(0, +)
        // Sums of forty numbers in another order.
        #expect(abs(try #require(own["gross"]?.double) - gross) <= 1e-12 * gross)
        let sum = try #require(own["itemsSum"]?.double)
        #expect(abs(sum - rows.reduce(0, +)) <= 1e-12 * gross)
        let (before, after) = (
          try #require(object["measureInitial"]?.double),
          try #require(object["measureFinal"]?.double)
        )
        let rest = ["decay", "clipping", "residual"].compactMap { own[$0]?.double }.reduce(0, +)
        #expect(abs(before - after - sum - rest) <= 1e-12 * gross)
        #expect((own["balances"] == .bool(true)) == column.balances)
        #expect((own["significantItems"] == .null) == (column != .credit))
        let top = try #require(own["top"]?.array)
        #expect(top.count <= 8 && top.count > 0)
        for scored in top {
          let item = try #require(scored["item"]?.integer(Int.self))
          #expect(scored["score"]?.double == rows[item])
        }
      }
    }
    let p: Tensor<Double> = try room.array("npy/p-values.npy")
    #expect(p.shape == [4, 40] && p.scalars.allSatisfy { $0.isNaN || ($0 > 0 && $0 <= 1) })
    #expect(p.scalars.contains { !$0.isNaN })
    // What an interrupted command would go on from is gone.
    #expect(!FileManager.default.fileExists(atPath: room.path("run/ledger")))
  }

  @Test("a column is a method of scores too, with the same numbers")
  func scores() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    _ = try await room.done(
      "ledger", "run", "--query", "test:0..<2", "--scores", "npy")
    for column in LedgerColumn.allCases {
      let printed = try await room.done(
        "score", "run", "--query", "test:0..<2", "--method", column.rawValue, "--scores", "s.npy",
        "--out", "s.html", "--json"
      ).json
      #expect(printed.count >= 2)
      let scores: Tensor<Double> = try room.array("s.npy")
      #expect(try scores == room.array("npy/\(column.rawValue).npy"))
    }
  }

  @Test("scores that are refused are named, and the others are written")
  func refusedScores() async throws {
    let room = try await Room.withRun(
      items: 40, "--precision", "float64", "--lr", "3", "--model", "mlp:6-5-3:relu")
    let outcome = try await room.run([
      "score", "run", "--query", "test:0..<4", "--method", "integrated", "--scores", "s.npy",
      "--out", "s.jsonl",
    ])
    #expect(outcome.status == 1)
    let first = try #require(
      try jsonLines(room.text("s.jsonl")).first { $0["refusal"]?.string != nil })
    let (id, reason) = (
      try #require(first["id"]?.string), try #require(first["refusal"]?.string)
    )
    #expect(
      outcome.errors.hasSuffix(
        "palimpsest: \(id): the column integrated is refused: \(reason)\n"))
    #expect(outcome.output.contains("There are no scores: "))
    let scores: Tensor<Double> = try room.array("s.npy")
    for (query, line) in try jsonLines(room.text("s.jsonl")).dropFirst().enumerated() {
      let isRefused = line["refusal"]?.string != nil
      #expect(scores.row(query).scalars.allSatisfy { $0.isNaN == isRefused })
      #expect((line["gross"] == .null) == isRefused)
    }
  }

  @Test("the matrices have the run's precision, or the one asked for")
  func precision() async throws {
    let room = try await Room.withRun()
    let options = [
      "ledger", "run", "--query", "test:0", "--columns", "marginal", "--scores", "npy",
    ]
    #expect(try await room.run(options).status == 0)
    #expect(try StoredArray.read(path: room.path("npy/marginal.npy")).elementType == .float32)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: room.path("npy")) == ["marginal.npy"])
    #expect(try await room.run(options + ["--precision", "float64"]).status == 0)
    #expect(try StoredArray.read(path: room.path("npy/marginal.npy")).elementType == .float64)
  }

  @Test("every measure and rule; rows of a logit are added")
  func measures() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    for measure in Measure.allCases {
      let text = try await room.done(
        "ledger", "run", "--query", "test:0", "--measure", measure.rawValue, "--columns", "credit"
      ).output
      #expect(text.contains("\(measure.isLowerBetter ? "−" : "+") 40 items"))
      #expect(text.contains("= \(measure.rawValue) after training"))
    }
    for rule in QuadratureRule.allCases where rule != .left {
      try await room.done(
        "ledger", "run", "--query", "test:0", "--rule", rule.rawValue, "--columns", "credit")
    }
  }

  @Test("where rows do not add up, the report is printed and the answer is no")
  func unbalanced() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    let outcome = try await room.run([
      "ledger", "run", "--query", "test:0..<2", "--rule", "left", "--columns", "credit", "--scores",
      "npy", "--out", "ledger.html",
    ])
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.wholeMatch(
        of:
          /palimpsest: test:0: the column credit does not balance: found a residual of [0-9.]+ of the gross movement, expected at most 0.0001\n/
      ) != nil, "\(outcome.errors)")
    #expect(outcome.output.contains("The column credit does not balance"))
    #expect(try room.text("ledger.html").contains("The column credit does not balance"))
    #expect(try StoredArray.read(path: room.path("npy/credit.npy")).shape == [2, 40])
    try await room.done(
      "ledger", "run", "--query", "test:0..<2", "--rule", "left", "--columns", "credit",
      "--tolerance", "1")
  }

  @Test("a refused column is an answer of no only where it was asked for by name")
  func refused() async throws {
    // Kinks, and steps that are far too large for the integral over the weight.
    let room = try await Room.withRun(
      items: 40, "--precision", "float64", "--lr", "3", "--model", "mlp:6-5-3:relu")
    let all = try await room.run([
      "ledger", "run", "--query", "test:0..<2", "--tolerance", "1e-3", "--scores", "npy", "--json",
    ])
    let integrated = try #require(try all.json.first?["integrated"])
    try #require(integrated["refusal"] != .null, "\(all.output)")
    #expect(all.status == 0, "\(all.errors)")
    #expect(integrated["gross"] == .null && integrated["residual"]?.double != nil)
    let matrix: Tensor<Double> = try room.array("npy/integrated.npy")
    #expect(matrix.row(0).scalars.allSatisfy { $0.isNaN })
    let named = try await room.run([
      "ledger", "run", "--query", "test:0..<2", "--tolerance", "1e-3", "--columns",
      "credit,integrated",
    ])
    #expect(named.status == 1)
    #expect(named.errors.contains("the column integrated is refused: "))
  }

  @Test("reports of every kind, and the table adds up")
  func reports() async throws {
    let room = try await Room.withRun(items: 40, "--weight-decay", "0.01", "--clip-norm", "0.5")
    for ending in ["html", "jsonl", "csv", "txt"] {
      try await room.done(
        "ledger", "run", "--query", "test:0..<2", "--columns", "credit,marginal", "--tolerance",
        "1e-3", "--out", "ledger.\(ending)")
    }
    let page = try room.text("ledger.html")
    #expect(page.contains("How credit leads from before to after"))
    #expect(page.contains("weight decay") && page.contains("clipping"))
    let lines = try jsonLines(room.text("ledger.jsonl"))
    #expect(lines.map { $0["kind"]?.string } == ["header", "ledger", "ledger"])
    let table = try room.text("ledger.csv").split(separator: "\r\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    // Two queries of forty items, three rows that are nobody's, before and after.
    #expect(table.count == 1 + 2 * 45)
    let credit = try #require(table[0].firstIndex(of: "credit"))
    let sum = table[2..<45].reduce(0) { $0 + (Double($1[credit]) ?? .nan) }
    let change = try #require(lines[1]["total"]?.double)
    #expect(abs(sum - change) < 1e-9)
  }

  @Test("test items stand in as strangers, or none")
  func strangers() async throws {
    let room = try await Room.withRun()
    let options = [
      "ledger", "run", "--query", "test:0", "--columns", "credit", "--tolerance", "1e-3",
    ]
    let any = try await room.run(options + ["--twins", "6", "--twin-labels", "any", "--json"])
    let significance = try #require(try any.json.first?["significance"])
    #expect(significance["tested"] == .number(40))
    let none = try await room.run(options + ["--twins", "0", "--json"])
    #expect(try none.json.first?["significance"] == .null)
    #expect(try none.json.first?["credit"]?["significantItems"] == .null)
  }

  @Test("an interrupted ledger goes on where it stopped, to the same bits")
  func interrupted() async throws {
    // Some seconds of work, which a release build does fifty times faster than a debug build.
    #if DEBUG
      let epochs = "15"
    #else
      let epochs = "400"
    #endif
    let room = try await Room.withRun(items: 400, "--epochs", epochs, "--lr", "0.05")
    let options = [
      "ledger", "run", "--query", "test:0..<8", "--columns", "credit,marginal", "--threads", "1",
    ]
    let whole = try await room.run(options + ["--scores", "whole", "--threads", "2"])
    try #require(whole.status == 0, "\(whole.errors)")
    let folder = room.path("parts")
    let stopped = try await room.run(options + ["--scores", "parts"]) { process in
      // The files are opened when the work begins. A thread of its own, so that other tests do not
      // delay it.
      Thread.detachNewThread {
        while kill(process, 0) == 0 {
          let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
          if !names.isEmpty {
            Thread.sleep(forTimeInterval: 0.1)
            kill(process, SIGINT)
            return
          }
          Thread.sleep(forTimeInterval: 0.005)
        }
      }
    }
    #expect(stopped.status == 130)
    #expect(
      stopped.errors == "palimpsest: interrupted; repeat the command to go on where it stopped\n")
    #expect(stopped.output == "")
    #expect(!FileManager.default.fileExists(atPath: room.path("parts/credit.npy")))
    let again = try await room.run(options + ["--scores", "parts"])
    #expect(again.status == 0, "\(again.errors)")
    #expect(try room.contents(of: "parts") == room.contents(of: "whole"))
    #expect(!FileManager.default.fileExists(atPath: room.path("run/ledger")))
  }

  @Test("a dry run says what it would take and writes nothing")
  func dryRun() async throws {
    let room = try await Room.withRun()
    let before = try room.contents()
    let estimate = try #require(
      try await room.done(
        "ledger", "run", "--query", "test:0..<8", "--scores", "npy", "--out", "r.html", "--dry-run",
        "--json"
      ).json.first)
    #expect(estimate["queries"] == .number(8) && estimate["steps"] == .number(18))
    #expect(estimate["outputBytes"] == .number(4 * 8 * 40 * 4))
    for key in ["operations", "expectedSeconds", "peakBytes"] {
      #expect(estimate[key]?.double ?? 0 > 0, "\(key)")
    }
    #expect(try room.contents() == before)
    // Strangers are more work, and take more memory, those of any label most.
    let options = ["ledger", "run", "--query", "test:0..<8", "--columns", "credit", "--dry-run"]
    var peaks: [Double] = []
    var operations: [Double] = []
    for more in [["--twins", "0"], [], ["--twin-labels", "any"]] {
      let estimate = try #require(try await room.run(options + more + ["--json"]).json.first)
      peaks.append(try #require(estimate["peakBytes"]?.double))
      operations.append(try #require(estimate["operations"]?.double))
    }
    #expect(peaks[0] < peaks[1] && peaks[1] < peaks[2])
    #expect(operations[0] < operations[1] && operations[1] == operations[2])
  }
}
