import Foundation
import Palimpsest
import Testing

@Suite("Exposure from the command line")
struct ExposureTests {
  private static let model = "transformer:context=24,width=16,heads=2,layers=1"
  private static let options = [
    "exposure", "--text", "text", "--model", model, "--run", "run", "--canary", "code ##!",
    "--canaries", "2", "--references", "60", "--batch-size", "4",
  ]

  private func room() throws -> Room {
    let room = try Room()
    try FileManager.default.createDirectory(
      atPath: room.path("text"), withIntermediateDirectories: true)
    let words = (0..<60).map { "word\($0 % 7) and \($0 % 5)" }.joined(separator: " ")
    try room.write(words.utf8, to: "text/a.txt")
    return room
  }

  @Test("what is planted often is remembered, and what is not is not")
  func planted() async throws {
    let room = try room()
    let arguments =
      Self.options + ["--repetitions", "0,60", "--epochs", "6", "--lr", "0.01", "--seed", "2"]
    let first = try await room.run(arguments + ["--json", "--out", "report.html"])
    try #require(first.status == 0, "\(first.errors)")
    let lines = try first.json
    #expect(lines.map { $0["kind"]?.string } == ["exposure"] + Array(repeating: "canary", count: 4))
    #expect(lines[0]["references"] == .number(60) && lines[0]["canaries"] == .number(4))
    #expect(lines[1...].map { $0["repetitions"]?.double } == [0, 0, 60, 60])
    for line in lines[1...] {
      #expect(line["text"]?.string?.wholeMatch(of: /code [0-9][0-9]!/) != nil)
      let rank = try #require(line["rank"]?.double)
      #expect(abs((line["interpolated"]?.double ?? 9) - log2(61 / rank)) < 1e-12)
    }
    // The two planted ones are the likeliest of their space.
    #expect(lines[3...].allSatisfy { $0["rank"] == .number(1) })
    let seen = lines[3...].compactMap { $0["logPerplexity"]?.double }
    let unseen = lines[1...2].compactMap { $0["logPerplexity"]?.double }
    #expect((seen.max() ?? 9) < (unseen.min() ?? 0))
    #expect(try room.text("report.html").contains("What is remembered"))
    // The canaries stand in the record as documents of their own, and the command repeats.
    let record = try RunRecord(folder: room.path("run"))
    let documents = try #require(try record.text()).documents
    #expect(documents.count == 1 + 120 && documents.allSatisfy { !$0.isHeldOut })
    let again = try await room.run(arguments + ["--json", "--threads", "1"])
    #expect(again.output == first.output)
    let table = try await room.run(arguments + ["--out", "report.csv"])
    #expect(table.output.contains("What is remembered") && table.output.contains("by fit"))
    #expect(try room.text("report.csv").split(separator: "\r\n").count == 5)
    // Another seed draws other canaries, which the run does not have.
    let other = try await room.run(arguments.dropLast() + ["3"])
    #expect(other.status == 73)
  }

  @Test("a dry run leaves nothing")
  func dryRun() async throws {
    let room = try room()
    let before = try room.contents()
    let outcome = try await room.done(
      "exposure", "--text", "text", "--model", Self.model, "--run", "run", "--canary", "code ##!",
      "--dry-run")
    #expect(outcome.output.contains("expected time"))
    #expect(try room.contents() == before)
  }

  @Test("bad input: one line, and no run")
  func refused() async throws {
    let room = try room()
    for (options, status, words) in [
      (["--canary", "no place"], 64, "a text with # for digits"),
      (["--canary", "#first"], 64, "a text with # for digits"),
      (["--canary", "x#"], 64, "a space of 10 texts"),
      (["--canary", "a canary that is too long for it ##"], 64, "what the model sees at once"),
      (["--repetitions", "1,-2"], 64, "found \"-2\""), (["--canaries", "0"], 64, "--canaries"),
      (["--probability", "1"], 64, "--probability"), (["--text", "none"], 66, "none"),
      (["--model", "mlp:4-3"], 65, "predicts no next tokens"),
      (["--out", "report.pdf"], 64, ".jsonl"),
    ] as [([String], Int32, String)] {
      let outcome = try await room.run(Self.options + options)
      #expect(outcome.status == status && outcome.output.isEmpty, "\(options) \(outcome.errors)")
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
      #expect(outcome.errors.count { $0.isNewline } == 1)
    }
    #expect(!FileManager.default.fileExists(atPath: room.path("run")))
  }
}
