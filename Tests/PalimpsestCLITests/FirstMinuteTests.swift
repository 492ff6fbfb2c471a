import Foundation
import Palimpsest
import Testing

/// What people type first.
@Suite("The first minute")
struct FirstMinuteTests {
  private let room: Room

  init() async throws { room = try await Room.withRun() }

  @Test("several reports of one run say the same as one each") func reports() async throws {
    let score = ["score", "run", "--query", "test:0-2", "--top", "2"]
    let several = try await room.run(
      score + ["--out", "a.html", "--out", "a.csv", "-o", "a.jsonl"])
    try #require(several.status == 0, "\(several.errors)")
    try #require(try await room.run(score + ["--out", "b.csv"]).status == 0)
    #expect(try room.bytes("a.csv") == room.bytes("b.csv"))
    #expect(try room.text("a.html").contains("</html>"))
    #expect(try jsonLines(room.text("a.jsonl")).count == 4)
    let printed = try await room.run(score + ["--out", "-", "--format", "csv"])
    #expect(printed.status == 0)
    #expect(try printed.output == room.text("b.csv"))
    let both = try await room.run(score + ["--out", "-", "--format", "txt", "--out", "c.csv"])
    #expect(both.output.contains("test:0"))
    #expect(try room.bytes("c.csv") == room.bytes("b.csv"))
    // Every command that writes reports takes them the same way.
    for command in [
      ["ledger", "run", "--query", "test:0", "--columns", "credit"],
      ["retrain", "run", "--query", "test:0", "--columns", "credit", "--without", "3"],
      ["self-influence", "run"],
    ] {
      let csv = try await room.run(command + ["--out", "-", "--format", "csv", "--out", "d.csv"])
      #expect(csv.status == 0, "\(csv.errors)")
      #expect(csv.output == (try room.text("d.csv")), "\(command)")
    }
  }

  @Test(
    "names that promise something else are refused before the work",
    arguments: [
      (["score", "run", "--scores", "s.pt"], ["s.pt", ".npy", "torch.from_numpy"]),
      (["score", "run", "--scores", "s.CSV"], ["s.CSV", ".npy"]),
      (["score", "run", "--scores", "-"], [".npy"]),
      (["self-influence", "run", "--scores", "s.npz"], ["s.npz", ".npy"]),
      (["ledger", "run", "--scores", "s.npy"], ["s.npy", "folder", "credit.npy"]),
      (["score", "run", "--out", "a.csv", "--out", "a.csv"], ["a.csv", "twice"]),
      (["score", "run", "--out", "a.pdf"], ["a.pdf", ".html, .jsonl, .csv, .txt"]),
      (["score", "run", "--out", "-"], ["--format", "csv"]),
      (["score", "run", "--out", "-", "--format", "pdf"], ["pdf", "html, jsonl, csv, txt"]),
      (["score", "run", "--format", "csv"], ["--out -"]),
      (["score", "run", "--json", "--out", "-", "--format", "csv"], ["--json"]),
      (["socre", "run"], ["“socre”", "did you mean score?"]),
      (["version"], ["did you mean --version?"]),
      (["rum"], ["“rum”", "expected one of demo, train"]),
      (["score", "run", "--layer", "1"], ["--layer", "“1”", "“0.weight”"]),
      (["score", "run", "--layer", "../x"], ["--layer", "expected the name of a parameter"]),
      (["score", "run", "--method", "credit", "--layer", "0"], ["leave out --layer"]),
    ] as [([String], [String])])
  func refused(_ arguments: [String], _ words: [String]) async throws {
    let before = try room.contents()
    let outcome = try await room.run(arguments)
    #expect(outcome.status == 64 && outcome.output.isEmpty, "\(outcome.output)")
    for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(try room.contents() == before)
  }

  @Test("a report names the layer that was compared") func layer() async throws {
    let last = try await room.done(
      "score", "run", "--query", "test:0", "--method", "tracin-last-layer", "--scores", "a.npy")
    #expect(last.output.contains("The last layer is 2.weight, 2.bias"))
    let named = try await room.done(
      "score", "run", "--query", "test:0", "--layer", "2", "--scores", "b.npy")
    #expect(named.output.contains("Gradients of 2.weight, 2.bias alone are compared."))
    #expect(try room.bytes("a.npy") == room.bytes("b.npy"))
    let other = try await room.done(
      "score", "run", "--query", "test:0", "--method", "tracin-last-layer", "--layer", "0.weight",
      "--scores", "c.npy")
    #expect(other.output.contains("Gradients of 0.weight alone"))
    #expect(try room.bytes("a.npy") != room.bytes("c.npy"))
    let own = try await room.done("self-influence", "run", "--layer", "0", "--top", "1")
    #expect(own.output.contains("Gradients of 0.weight, 0.bias alone"))
  }

  @Test("zeros say that no step stands behind them, and steps that are in no score are counted")
  func checkpoints() async throws {
    for step in ["00000000", "00000006", "00000012"] {
      try FileManager.default.removeItem(atPath: room.path("run/checkpoints/\(step).safetensors"))
    }
    try? FileManager.default.removeItem(atPath: room.path("run/checkpoints/SHA256SUMS"))
    try rewriteCheckpoints([18])
    let last = try await room.done("score", "run", "--query", "test:0", "--top", "3", "--json").json
    #expect(last[1]["zeroReason"]?.string?.contains("no step") == true)
    #expect(last[1]["supporters"]?.array?.isEmpty == true)
    #expect("\(last[0])".contains("The first checkpoint is that after step 18"))
    let text = try await room.done("score", "run", "--query", "test:0")
    #expect(text.output.contains(/no\s+step/) && !text.output.contains("No training item moved"))
    #expect(try await room.done("self-influence", "run").output.contains(/no\s+step/))
    // A method of the last checkpoint alone has its scores.
    let dot = try await room.done("score", "run", "--query", "test:0", "--method", "grad-dot")
    #expect(!dot.output.contains("no step"))
  }

  @Test("steps after the last checkpoint are counted") func unfinished() async throws {
    for step in ["00000012", "00000018"] {
      try FileManager.default.removeItem(atPath: room.path("run/checkpoints/\(step).safetensors"))
    }
    try? FileManager.default.removeItem(atPath: room.path("run/checkpoints/SHA256SUMS"))
    try rewriteCheckpoints([0, 6])
    for method in ["tracin", "grad-dot"] {
      let text = try await room.done("score", "run", "--query", "test:0", "--method", method).output
      let line = text.split(separator: "\n").map { $0.drop { $0 == " " } }.joined(separator: " ")
      #expect(line.contains("after step 6 of 18: the 12 later steps are in no score"), "\(text)")
    }
  }

  /// Makes the record list these checkpoints.
  private func rewriteCheckpoints(_ steps: [Int]) throws {
    let text = try room.text("run/run.json")
    let range = try #require(text.firstRange(of: /"checkpoints": ?\[[^\]]*\]/))
    let list = "\"checkpoints\": [\(steps.map(String.init).joined(separator: ", "))]"
    try room.write(text.replacingCharacters(in: range, with: list).utf8, to: "run/run.json")
  }

  @Test("equal retrainings are a reason, not a dash alone") func evaluate() async throws {
    let still = try await room.run(
      BadInput.training(["--out": "still", "--lr": "0"]))
    try #require(still.status == 0, "\(still.errors)")
    let text = try await room.done(
      "evaluate", "still", "--query", "test:0-3", "--subsets", "3", "--methods", "tracin",
      "--removed", "0.1")
    let words = text.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(
      words.contains(
        "tracin, 10 % removed: 4 of 4 queries do not count, because all retrainings end with the same "
          + "measure"), "\(text.output)")
  }

  @Test("a quiet command shows nothing but its results") func quiet() async throws {
    for flag in ["--quiet", "-q"] {
      let outcome = try await room.run(["score", "run", "--top-only", "--query", "test:0", flag])
      #expect(outcome.status == 0 && outcome.errors.isEmpty && !outcome.output.isEmpty)
    }
    let loud = try await room.run(["score", "run", "--top-only", "--query", "test:0"])
    #expect(loud.errors.contains("early stopping"))
  }
}

/// A table as analysts have it.
@Suite("A table with its labels")
struct LabelColumnTests {
  private let room: Room

  init() throws {
    room = try Room()
    try room.writeItems()
  }

  /// Writes the training items as a table, the label in the middle, names at both ends.
  private func writeTable(_ name: String, delimiter: String, label: String, hasNames: Bool) throws {
    let inputs: Tensor<Double> = try room.array("x.npy")
    let labels = try StoredArray.read(path: room.path("y.npy")).integers()
    var lines = [
      ((hasNames ? ["id"] : []) + ["a", "b", "c", label, "d", "e", "f"]
        + (hasNames ? ["group"] : [])).joined(separator: delimiter)
    ]
    for item in 0..<40 {
      let row = inputs.row(item).scalars.map { "\($0)" }
      let cells = row[..<3] + ["\(labels[item])"] + row[3...]
      lines.append(
        ((hasNames ? ["\"item \(item)\""] : []) + cells + (hasNames ? ["owner \(item % 4)"] : []))
          .joined(separator: delimiter))
    }
    try room.write((lines.joined(separator: "\n") + "\n").utf8, to: name)
  }

  private func train(_ arguments: String...) async throws -> Room.Outcome {
    try await room.run(
      ["train", "--model", Room.model, "--batch-size", "7", "--epochs", "1"] + arguments)
  }

  @Test("its column is the target, and the others are the inputs", arguments: [",", ";", "\t"])
  func column(_ delimiter: String) async throws {
    let table = delimiter == "\t" ? "t.tsv" : "t.csv"
    let apart = try await train("--train-x", "x.npy", "--train-y", "y.npy", "--out", "apart")
    try #require(apart.status == 0, "\(apart.errors)")
    let expected: Tensor<Double> = try room.array("apart/data/train-x.npy")
    for (label, options) in [
      ("label", ["--train-x", table]), ("Y", ["--train-x", table]),
      ("species", ["--train-x", table, "--train-y", "\(table):species"]),
    ] {
      try writeTable(table, delimiter: delimiter, label: label, hasNames: label == "label")
      let outcome = try await room.run(
        ["train", "--model", Room.model, "--batch-size", "7", "--epochs", "1", "--out", label]
          + options)
      try #require(outcome.status == 0, "\(outcome.errors)")
      let found: Tensor<Double> = try room.array("\(label)/data/train-x.npy")
      #expect(found.scalars == expected.scalars)
      let last = "checkpoints/00000006.safetensors"
      #expect(try room.bytes("\(label)/\(last)") == room.bytes("apart/\(last)"))
    }
    let record = try RunRecord(folder: room.path("label"))
    #expect(
      record.manifest.train.ids[7] == "item 7" && record.manifest.train.groups[7] == "owner 3")
  }

  @Test("a table without such a column, or with one that is no number, is refused in words")
  func refused() async throws {
    try writeTable("t.csv", delimiter: ",", label: "species", hasNames: false)
    let unnamed = try await train("--train-x", "t.csv", "--out", "new")
    #expect(unnamed.status == 65)
    for word in ["t.csv", "“species”", "label or y", "FILE:COLUMN"] {
      #expect(unnamed.errors.contains(word), "\(unnamed.errors)")
    }
    let absent = try await train("--train-x", "t.csv", "--train-y", "t.csv:kind", "--out", "new")
    #expect(absent.status == 65 && absent.errors.contains("a column “kind”"), "\(absent.errors)")
    try room.write("a,b,label\n1,2,cat\n".utf8, to: "w.csv")
    let words = try await train("--train-x", "w.csv", "--out", "new")
    #expect(words.status == 65 && words.errors.contains("line 2"), "\(words.errors)")
    try room.write("label\n1\n".utf8, to: "o.csv")
    let alone = try await train("--train-x", "o.csv", "--out", "new")
    #expect(alone.status == 65 && alone.errors.contains("no column beside"), "\(alone.errors)")
  }
}
