import Foundation
import Palimpsest
import Testing

/// Training on text, and generation.
@Suite("text")
struct TextTests {
  private static let model = "transformer:context=16,width=8,heads=2,layers=1"

  private static func training(_ text: String, _ more: String...) -> [String] {
    [
      "train", "--text", text, "--model", model, "--optimizer", "adamw", "--lr", "0.01",
      "--batch-size", "8", "--epochs", "1", "--out", "run",
    ] + more
  }

  /// A room with a folder of four documents, two of them alike.
  private func makeRoom() throws -> Room {
    let room = try Room()
    try FileManager.default.createDirectory(
      atPath: room.path("texts/sub"), withIntermediateDirectories: true)
    let words = "one two three four five six seven eight nine ten eleven twelve, and so on, and on,"
    try room.write("\(words) thirteen".utf8, to: "texts/a.txt")
    try room.write("\(words) thirty".utf8, to: "texts/sub/b.txt")
    try room.write("Der Körper fällt, und fällt, und fällt.\n".utf8, to: "texts/c.txt")
    try room.write("Nothing of the kind is here at all, or so it seems.".utf8, to: "texts/d.txt")
    return room
  }

  @Test("a run on text says how well it predicts, and is inspected", arguments: [false, true])
  func train(_ isBytePairs: Bool) async throws {
    let room = try makeRoom()
    let vocabulary = isBytePairs ? "bpe:260" : "characters"
    let arguments = Self.training("texts", "--vocabulary", vocabulary, "--held-out", "0.25")
    let outcome = try await room.run(arguments)
    try #require(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 3)
    for (line, part) in zip(lines.dropFirst(), ["train", "held-out"]) {
      #expect(line.contains(/nats per token, .* bits per byte/) && line.hasPrefix(part))
    }
    let json = try #require(try await room.done("inspect", "run", "--json").json.first)
    #expect(json["vocabulary"]?.string?.hasPrefix(isBytePairs ? "byte-pairs, 260" : "char") == true)
    let documents = try #require(json["documents"]?.array)
    #expect(
      documents.map { $0["path"]?.string ?? "" } == ["a.txt", "c.txt", "d.txt", "sub/b.txt"])
    #expect(documents.count { $0["part"] == .string("held-out") } == 1)
    #expect(documents[3]["copy"] == .string("near copy of"))
    #expect(documents[3]["copyOf"] == .string("a.txt") && documents[2]["copyOf"] == .string(""))
    // The same command finds everything done, and the same losses.
    let again = try await room.run(arguments)
    #expect(again.output.split(separator: "\n").dropFirst() == lines.dropFirst())
  }

  @Test("losses in JSON are those of the passages") func json() async throws {
    let room = try makeRoom()
    let outcome = try await room.run(Self.training("texts", "--held-out", "0", "--json"))
    let result = try #require(try outcome.json.first)
    #expect(result["tokens"] == .number(256) && result["documents"] == .number(4))
    let loss = try #require(result["trainLoss"])
    let (tokens, nats) = (loss["tokens"]?.double ?? 0, loss["natsPerToken"]?.double ?? 0)
    // A byte is a token: nats of one are bits of the other.
    #expect(abs((loss["bitsPerByte"]?.double ?? 0) * log(2) - nats) < 1e-9)
    #expect(loss["bytes"] == loss["tokens"])
    #expect(nats > 1 && nats < log(256) + 1)
    #expect(result["heldOutLoss"] == nil)
    let bytes = try room.contents(of: "texts").values.reduce(0) { $0 + $1.count }
    #expect(Int(tokens) == bytes - 4)
  }

  @Test("bm25 scores passages by their words, and only those of a run of text") func bm25()
    async throws
  {
    let room = try makeRoom()
    #expect(
      try await room.run(Self.training("texts", "--held-out", "0", "--vocabulary", "bpe:270"))
        .status == 0)
    let lines = try await room.done(
      "score", "run", "--method", "bm25", "--query", "train:0..<2", "--scores", "s.npy", "--json",
      "--top", "3", "--out", "s.html"
    ).json
    #expect(lines.first?["method"] == .string("bm25") && lines.first?["unit"] == .null)
    let matrix: Tensor<Float> = try room.array("s.npy")
    let record = try RunRecord(folder: room.path("run"))
    let corpus = try #require(try record.text())
    let passages = (0..<corpus.trainCount).map { Array(corpus.bytes(of: $0)) }
    let index = BM25(passages: passages)
    #expect(matrix.shape == [2, passages.count])
    for query in 0..<2 {
      #expect(matrix.row(query).scalars == index.scores(for: passages[query]).map { Float($0) })
      // No other passage of so few words has more of them.
      #expect(matrix.row(query).scalars.max() == matrix.row(query).scalars[query])
    }
    #expect(try await room.done("list", "methods").output.contains("bm25"))
    for (arguments, status, text) in [
      (["self-influence", "run", "--method", "bm25"], 64, "takes no gradients"),
      (["score", "run", "--method", "bm25", "--aggregate"], 64, "leave out --aggregate"),
    ] {
      let outcome = try await room.run(arguments)
      #expect(outcome.status == status && outcome.errors.contains(text), "\(outcome.errors)")
    }
    try await room.done(
      "train", "--data", "digits", "--model", "mlp:64-10", "--epochs", "1", "--out", "digits")
    let refused = try await room.run(["score", "digits", "--method", "bm25"])
    #expect(refused.status == 65 && refused.errors.contains("whose items are no text"))
  }

  @Test("a passage is left out with the near copies that the run has found") func nearDuplicates()
    async throws
  {
    let room = try Room()
    try FileManager.default.createDirectory(
      atPath: room.path("texts"), withIntermediateDirectories: true)
    let text = "the ferry left the quay at seven and nobody had seen the captain since"
    for (name, content) in [
      ("a1", text), ("a2", text.uppercased()), ("a3", "so “\(text)”"),
      ("b", "all the lamps were lit by four and the road lay empty as far as the mill"),
    ] {
      try room.write(content.utf8, to: "texts/\(name)")
    }
    try await room.done(
      "train", "--text", "texts", "--held-out", "0", "--model",
      "transformer:context=128,width=8,heads=2,layers=1", "--epochs", "1", "--batch-size", "2",
      "--optimizer", "adamw", "--out", "run")
    let retrain = ["retrain", "run", "--query", "train:3", "--columns", "credit", "--json"]
    for (item, name) in [("0", "and 2 like it"), ("3", "which nothing resembles")] {
      let outcome = try await room.run(retrain + ["--near-duplicates", item])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let receipt = try outcome.json.first { $0["kind"] == .string("receipt") }
      #expect(receipt?["removed"]?.string?.hasSuffix(name) == true)
    }
    let refused = try await room.run(retrain + ["--near-duplicates", "0", "--similarity", "0.9"])
    #expect(refused.status == 64 && refused.errors.contains("a similarity of 0.8 on"))
  }

  @Test("generation goes on with a prompt, beyond the context too") func generate() async throws {
    let room = try makeRoom()
    try await room.done("books", "--out", "invented")
    #expect(try await room.run(Self.training("texts", "--vocabulary", "characters")).status == 0)
    let prompt = "one two three four five"
    let plain = try await room.done("generate", "run", "--prompt", prompt, "--length", "40").output
    #expect(plain.hasPrefix(prompt))
    let outcome = try await room.done(
      "generate", "run", "--prompt", prompt, "--length", "40", "--json")
    let json = try #require(try outcome.json.first)
    let tokens = try #require(json["tokens"]?.array)
    #expect(tokens.count == 40 && json["promptTokens"] == .number(23))
    #expect(json["text"]?.string == tokens.map { $0["text"]?.string ?? "" }.joined())
    #expect(tokens.allSatisfy { ($0["logProbability"]?.double ?? 1) <= 0 })
    #expect(plain == prompt + (json["text"]?.string ?? "") + "\n")
    var drawn: Set<String> = []
    for seed in ["1", "1", "2"] {
      drawn.insert(
        try await room.done(
          "generate", "run", "--prompt", "o", "--temperature", "2", "--top-k", "9", "--seed", seed,
          "--threads", drawn.isEmpty ? "1" : "2", "--step", "0"
        ).output)
    }
    #expect(drawn.count == 2)
  }

  @Test("what cannot be gone on with is told, with its exit status") func generateFaults()
    async throws
  {
    let room = try makeRoom()
    #expect(try await room.run(Self.training("texts", "--vocabulary", "characters")).status == 0)
    let faults: [([String], Int32, String)] = [
      (["run", "--prompt", "two漢"], 65, "byte 3: found the character “漢” (U+6F22)"),
      (["run", "--prompt", ""], 64, "prompt: found no token"),
      (["run", "--prompt", "o", "--length", "0"], 64, "length: found 0"),
      (["run", "--prompt", "o", "--length=-3"], 64, "length: found -3"),
      (["run", "--prompt", "o", "--temperature=-1"], 64, "temperature: found -1"),
      (["run", "--prompt", "o", "--top-k", "3"], 64, "--top-k goes with a --temperature"),
      (["run", "--prompt", "o", "--temperature", "1", "--top-k", "0"], 64, "top-k: found 0"),
      (["run", "--prompt", "o", "--step", "99"], 64, "--step: found 99"),
      (["none", "--prompt", "o"], 66, "none/run.json"),
    ]
    for (arguments, status, told) in faults {
      let outcome = try await room.run(["generate"] + arguments)
      #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
      #expect(outcome.errors.contains(told), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1)
    }
    let other = try await Room.withRun()
    let outcome = try await other.run(["generate", "run", "--prompt", "o"])
    #expect(outcome.status == 65 && outcome.errors.contains("whose items are no text"))
  }

  @Test("folders that are no corpus are told, with their exit status") func badFolders()
    async throws
  {
    let room = try makeRoom()
    for folder in ["empty", "blank", "binary", "latin"] {
      try FileManager.default.createDirectory(
        atPath: room.path(folder), withIntermediateDirectories: true)
    }
    try room.write([], to: "blank/a.txt")
    try room.write([0x61, 0x62, 0], to: "binary/a.bin")
    try room.write([0x61, 0xe9, 0x62], to: "latin/a.txt")
    let faults: [([String], Int32, String)] = [
      (Self.training("empty"), 66, "empty: found no files"),
      (Self.training("none"), 66, "none: cannot be opened"),
      (Self.training("blank"), 65, "found no passage to learn in 1 files"),
      (Self.training("binary"), 65, "binary/a.bin: byte 2: found a byte 0"),
      (Self.training("latin", "--vocabulary", "characters"), 65, "a.txt: byte 1"),
      (Self.training("texts", "--vocabulary", "words"), 64, "vocabulary: found “words”"),
      (Self.training("texts", "--held-out", "0.05"), 64, "--held-out 0.05 of 4 documents is none"),
      (Self.training("texts", "--held-out", "1.5"), 64, "held-out share: found 1.5"),
      (Self.training("texts", "--stride", "17"), 64, "stride: found 17, expected 1 to 16"),
      (Self.training("texts", "--data", "digits"), 64, "--text brings its own items"),
      (
        ["train", "--text", "texts", "--out", "r", "--model", "mlp:4-3:tanh"], 65, "no next tokens"
      ),
      (
        [
          "train", "--text", "texts", "--out", "r", "--model", "transformer:vocabulary=9,context=4",
        ],
        64, "expected"
      ),
      (
        [
          "train", "--text", "texts", "--out", "r", "--model",
          "transformer:vocabulary=9,context=4,width=4,heads=1,layers=1",
        ], 64, "9 tokens, expected 256"
      ),
      (
        ["train", "--data", "digits", "--model", "mlp:64-10:tanh", "--out", "r", "--stride", "3"],
        64, "--stride goes with --text"
      ),
    ]
    for (arguments, status, told) in faults {
      let outcome = try await room.run(arguments)
      #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
      #expect(outcome.errors.contains(told), "\(outcome.errors)")
    }
  }

  @Test("books are written once, with a line for each plant") func books() async throws {
    let room = try Room()
    let outcome = try await room.done("books", "--out", "invented", "--seed", "3", "--json")
    let json = try #require(try outcome.json.first)
    #expect(json["books"] == .number(16) && json["chapters"] == .number(128))
    let plants = try jsonLines(try room.text("invented/truth.jsonl"))
    #expect(plants.count == 48)
    for plant in plants {
      for path in plant["paths"]?.array ?? [] {
        let chapter = try room.text("invented/books/\(path.string ?? "")")
        #expect(chapter == "\(plant["text"]?.string ?? "")\n")
      }
    }
    let again = try await room.run(["books", "--out", "invented"])
    #expect(again.status == 73 && again.errors.contains("expected a new or empty folder"))
    #expect(try await room.run(["books", "--out", "b", "--copies", "17"]).status == 64)
  }
}
