import Foundation
import Palimpsest
import Testing

@Suite("Evaluations from the command line")
struct EvaluateTests {
  private static let few = ["--query", "test:0..<3", "--subsets", "12"]

  @Test("the figures are those of the ledger's rows and the estimator's matrix")
  func figures() async throws {
    let room = try await Room.withRun(items: 40, "--precision", "float64")
    let lines = try await room.run(
      ["evaluate", "run", "--methods", "tracin,marginal", "--removed", "0.1,0.5", "--seed", "3"]
        + Self.few + ["--json"]
    ).json
    #expect(
      lines.map { $0["kind"]?.string }
        == ["trial", "trial"] + Array(repeating: "evaluation", count: 4))
    #expect(lines.prefix(2).allSatisfy { $0["retrainings"] == .number(12) })
    #expect(
      lines.suffix(4).map { $0["method"]?.string } == ["tracin", "tracin", "marginal", "marginal"])
    try await room.done(
      "ledger", "run", "--query", "test:0..<3", "--columns", "marginal", "--scores", "npy")
    try await room.done(
      "score", "run", "--query", "test:0..<3", "--method", "tracin", "--scores", "tracin.npy")
    let record = try RunRecord(folder: room.path("run"))
    let run: TrainingRun<Double> = try record.run()
    let test = try #require(run.test?.items)
    let trials = try LinearDatamodelingMetric.trials(
      EvaluationSetting(
        run: run, queries: test[[0, 1, 2]], fractions: [0.1, 0.5], subsets: 12, seed: 3),
      pool: WorkerPool(threads: 1)
    ) { _, _ in }
    for (method, file) in [("tracin", "tracin.npy"), ("marginal", "npy/marginal.npy")] {
      let scores: Tensor<Double> = try room.array(file)
      let found = lines.filter { $0["method"]?.string == method }
      for (line, trial) in zip(found, trials) {
        let figure = trial.judge((0..<3).map { scores.row($0).scalars })
        #expect(line["trial"]?.string == trial.name)
        // Ranks of sums, which do not depend on their last bits.
        #expect(abs((line["mean"]?.double ?? 9) - (figure.mean ?? -9)) < 1e-12)
        #expect(line["low"]?.double ?? 9 <= line["high"]?.double ?? -9)
        #expect(line["queries"] == .number(3) && line["refusals"]?.array?.isEmpty == true)
      }
    }
    // The derivative foresees small removals well.
    #expect(lines[4]["mean"]?.double ?? 0 > 0.9)
  }

  @Test("a table for people, and reports of every kind")
  func reports() async throws {
    let room = try await Room.withRun()
    for ending in ["html", "jsonl", "csv", "txt"] {
      let text = try await room.run(
        ["evaluate", "run", "--methods", "credit,grad-dot", "--removed", "0.25", "--out"]
          + ["report.\(ending)"] + Self.few
      )
      #expect(text.status == 0, "\(text.errors)")
      #expect(text.output.contains("12 retrainings in "))
      #expect(text.output.contains("25 % removed"))
    }
    let table = try room.text("report.csv").split(separator: "\r\n")
    #expect(table.count == 3 && table[1].hasPrefix("lds,credit,25 % removed,"))
    #expect(try room.text("report.html").contains("25 % removed"))
  }

  @Test("a few retrainings give a mean and no interval, and memory is refused before any of them")
  func few() async throws {
    let room = try await Room.withRun()
    let options = ["evaluate", "run", "--query", "test:0", "--methods", "credit", "--subsets", "9"]
    let line = try #require(try await room.run(options + ["--json"]).json.last)
    #expect(line["mean"]?.double != nil && line["low"] == .null && line["high"] == .null)
    #expect(!(try await room.run(options)).output.contains("95 %"))
    let outcome = try await room.run(options + ["--memory", "1k", "--subsets", "1000000"])
    #expect(outcome.status == 64 && outcome.errors.contains("--memory"))
  }

  @Test("refused queries are named, and an answer of no where the method was")
  func refused() async throws {
    let room = try await Room.withRun(
      items: 40, "--precision", "float64", "--lr", "3", "--model", "mlp:6-5-3:relu")
    let all = try await room.run(["evaluate", "run"] + Self.few)
    #expect(all.status == 0, "\(all.errors)")
    #expect(all.output.contains(/integrated is refused for [123] of 3 queries/))
    let named = try await room.run(
      ["evaluate", "run", "--methods", "integrated", "--json"] + Self.few)
    #expect(named.status == 1)
    #expect(named.errors.contains("the column integrated is refused: "))
    let line = try #require(try named.json.last)
    let refusals = try #require(line["refusals"]?.array)
    #expect(!refusals.isEmpty && refusals.allSatisfy { $0["query"]?.string != nil })
    #expect(line["queries"] == .number(3 - refusals.count))
  }

  @Test("unknown names are refused with those that there are")
  func unknown() async throws {
    let room = try await Room.withRun()
    for (options, words) in [
      (["--metrics", "loo"], "found \"loo\", expected some of lds,mislabel"),
      (["--metrics", "mislabel"], "which labels are wrong? run does not say"),
      (["--mislabeled", "y.npy"], "--mislabeled goes with --metrics mislabel"),
      (["--methods", "memorization"], "memorization scores training items and no other outputs"),
      (["--methods", "credit,tracing"], "found \"tracing\", expected some of credit,marginal,"),
      (["--methods", "credit,credit"], "found credit twice"),
      (["--removed", "0.5,1"], "found \"1\", expected shares between 0 and 1"),
      (["--removed", "0.001"], "expected at least one item left out"),
      (["--subsets", "1"], "--subsets: found 1, expected 2 to 1000000"),
      (["--tolerance", "0"], "--tolerance: found 0.0, expected a number above 0"),
    ] {
      let outcome = try await room.run(["evaluate", "run", "--query", "test:0"] + options)
      #expect(outcome.status == 64 && outcome.output.isEmpty)
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
      #expect(outcome.errors.count { $0.isNewline } == 1)
    }
    let missing = try await room.run(["evaluate", "nowhere"])
    #expect(missing.status == 66)
  }
}
