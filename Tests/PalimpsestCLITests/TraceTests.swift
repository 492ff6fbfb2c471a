import Foundation
import Palimpsest
import Testing

/// The passages behind a text.
@Suite("trace")
struct TraceTests {
  private static let sentence = "the grey gull owes the tide a feather"

  /// A room with a run on three documents, of which the second is held out.
  private static func makeRoom() async throws -> Room {
    let room = try Room()
    try FileManager.default.createDirectory(
      atPath: room.path("texts"), withIntermediateDirectories: true)
    try room.write(sentence.utf8, to: "texts/a.txt")
    try room.write("no bell rings twice for a quiet fox here".utf8, to: "texts/b.txt")
    try room.write("under the mill nine blue keys lay hidden".utf8, to: "texts/c.txt")
    try await room.done(
      "train", "--text", "texts", "--model", "transformer:context=40,width=8,heads=2,layers=1",
      "--vocabulary", "characters", "--optimizer", "adamw", "--lr", "0.02", "--batch-size", "3",
      "--epochs", "15", "--held-out", "0", "--out", "run")
    return room
  }

  @Test("a text has its spans, its accounts, its retrainings, and a page") func trace() async throws
  {
    let room = try await Self.makeRoom()
    let outcome = try await room.done(
      "trace", "run", "--text", Self.sentence, "--without-document", "c.txt", "--json",
      "--out", "trace.html")
    let lines = try outcome.json
    #expect(lines.map { $0["kind"] } == [.string("trace"), .string("trace-span")])
    let span = lines[1]
    #expect(span["match"]?["places"]?.array?.count == 1)
    #expect(span["source"]?["documents"] == .array([.string("a.txt")]))
    let outcomes = try #require(span["counterfactuals"]?.array)
    #expect(
      outcomes.map { $0["without"]?.string ?? "" } == ["passage", "copies", "document", "named"])
    #expect(span["passages"]?.array?.count == 3)
    #expect(Verdict(rawValue: span["verdict"]?.string ?? "") != nil)
    let initial = try #require(span["measureInitial"]?.double)
    let final = try #require(span["measureFinal"]?.double)
    let credit = try #require(span["passages"]?.array).reduce(0) {
      $0 + ($1["credit"]?.double ?? 0)
    }
    // AdamW's decay is the one row that is no passage's.
    #expect(abs(final - initial - credit) < 0.1 * abs(final - initial))
    let page = try room.text("trace.html")
    #expect(page.contains("<h2 id=\"trace\">The output</h2>"))
    #expect(page.contains("palimpsest trace run --text &#39;\(Self.sentence)&#39;"))
    #expect(!FileManager.default.fileExists(atPath: room.path("run/ledger")))
  }

  @Test("what is generated after a prompt is traced; any number of threads gives the same bytes")
  func generated() async throws {
    let room = try await Self.makeRoom()
    var outputs: [String] = []
    for threads in ["1", "2"] {
      outputs.append(
        try await room.done(
          "trace", "run", "--prompt", "the grey", "--length", "12", "--per", "token", "--columns",
          "credit", "--threads", threads, "--json"
        ).output)
    }
    #expect(outputs[0] == outputs[1])
    let lines = try jsonLines(outputs[0])
    #expect(lines[0]["prompt"] == .string("the grey"))
    #expect(lines.count { $0["kind"] == .string("trace-account") } == 12)
    let estimate = try await room.done(
      "trace", "run", "--prompt", "the grey", "--length", "12", "--dry-run", "--json")
    #expect(try estimate.json.first?["queries"]?.double ?? 0 >= 1)
    // Longer than the context.
    let long = "\(Self.sentence) \(Self.sentence)"
    let trace = try await room.done(
      "trace", "run", "--text", long, "--skip-retraining", "--columns", "credit")
    #expect(trace.output.contains("74 predicted tokens"))
    #expect(trace.output.contains("Nothing was trained again"))
  }

  @Test("bad input ends in one line") func refusals() async throws {
    let room = try await Self.makeRoom()
    try await room.done(
      "train", "--data", "digits", "--model", "mlp:64-10", "--epochs", "1", "--out", "digits")
    let cases: [(arguments: [String], status: Int32, words: [String])] = [
      (["run"], 64, ["which output", "--text", "--prompt"]),
      (["run", "--text", ""], 64, ["--text", "empty"]),
      (["run", "--text", "a"], 64, ["a single token", "a prompt before it"]),
      (["run", "--text", "the zrey"], 65, ["--text", "byte 4", "U+007A", "characters"]),
      (["run", "--prompt", "Ω", "--text", "the"], 65, ["--prompt", "byte 0"]),
      (["run", "--text", "the", "--length", "5"], 64, ["--length"]),
      (["run", "--text", "the", "--per", "word"], 64, ["--per", "word"]),
      (["run", "--text", "the", "--columns", "marginal"], 64, ["--columns", "credit"]),
      (["run", "--text", "the", "--min-match", "0"], 64, ["--min-match"]),
      (["run", "--text", "the", "--min-drop", "nan"], 64, ["--min-drop"]),
      (["run", "--prompt", "the", "--top-k", "3"], 64, ["--top-k", "--temperature"]),
      (["run", "--text", "the", "--twins", "3"], 64, ["--twins", "held-out"]),
      (
        ["run", "--text", "the", "--without-document", "d.txt"], 64,
        ["--without-document", "d.txt", "a.txt"]
      ),
      (["run", "--text", "the", "--out", "trace.pdf"], 64, ["--out", "trace.pdf"]),
      (["digits", "--text", "the"], 65, ["digits", "no text", "train --text"]),
      (["nothing", "--text", "the"], 66, ["nothing"]),
    ]
    let before = try room.contents()
    for (arguments, status, words) in cases {
      let outcome = try await room.run(["trace"] + arguments)
      #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
      #expect(outcome.output == "" && outcome.errors.count { $0.isNewline } == 1)
      for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    }
    #expect(try room.contents() == before)
  }
}
