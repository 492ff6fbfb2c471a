import Formats
import Foundation
import TensorCore
import Testing
import Training

/// Runs of a small transformer on text, and their records.
@Suite("runs on text")
struct TextRunTests {
  private let room: RunRoom

  init() throws { room = try RunRoom() }

  static func run(
    _ files: [TextFile] = TextCorpusTests.files, heldOut: Double = 0.2,
    _ choice: VocabularyChoice = .bytePairs(270)
  ) throws -> TrainingRun<Float> {
    let corpus = try TextCorpusTests.corpus(files, context: 6, stride: 4, heldOut: heldOut, choice)
    let model = try ModelRegistry.textModel(
      "transformer:context=6,width=8,heads=2,layers=1", tokens: corpus.vocabulary.count)
    var run = try TrainingRun(
      model, train: .init(corpus.train(as: Float.self)),
      test: corpus.heldOut().map { .init($0) }, optimizer: OptimizerSettings(Adam.self),
      learningRate: 0.01, batchSize: 4, epochs: 2, checkpointEvery: 5)
    run.text = corpus
    return run
  }

  @Test("the corpus comes back from the record, and so does the run") func readBack() throws {
    let run = try Self.run()
    try run.record(in: room.run)
    let record = try room.open()
    #expect(try record.text() == run.text)
    #expect(try record.vocabulary() == run.text?.vocabulary)
    let again: TrainingRun<Float> = try record.run()
    #expect(again.text == run.text && again.train.items == run.train.items)
    #expect(again.test?.items == run.test?.items)
  }

  @Test("an interrupted run ends with the same files") func resumption() throws {
    let (run, whole) = (try Self.run(), room.folder.path("whole"))
    try run.record(in: whole)
    try room.interrupt(run, in: room.run, after: 7)
    try run.record(in: room.run)
    #expect(try contents(of: room.run) == contents(of: whole))
  }

  @Test("a run is not resumed on another text") func otherText() throws {
    try Self.run().record(in: room.run)
    var files = TextCorpusTests.files
    files[3] = textFile("y", "d.txt")  // Too short for a passage: the items are the same.
    let line = message { try Self.run(files).record(in: room.run) }
    #expect(line.contains("another text"))
  }

  @Test("a run of items that are no text has none") func noText() throws {
    try smallRun(as: Float.self).record(in: room.run)
    #expect(try room.open().text() == nil)
    let record = try room.open()
    for read in [{ _ = try record.vocabulary() }, { _ = try record.requireText() }] {
      #expect(message(read).contains("found a run whose items are no text"))
    }
  }

  /// Changes a file of the data, and its digest.
  private func rewrite(_ name: String, _ change: (String) -> String) throws {
    let path = "\(room.run)/data/\(name)"
    let old = try SHA256.hex(ofFile: path)
    let text = change(try String(contentsOfFile: path, encoding: .utf8))
    try room.folder.write(text, to: "run/data/\(name)")
    let new = try SHA256.hex(ofFile: path)
    #expect(old != new)
    try room.edit("run.json") { $0 = $0.replacingOccurrences(of: old, with: new) }
  }

  static let damages: [(String, String, String, String)] = [
    ("documents.jsonl", #""start": 0"#, #""start": 1"#, "line 1"),
    ("documents.jsonl", #""end": 44"#, #""end": 99999"#, "line 1"),
    ("documents.jsonl", #""part": "train""#, #""part": "secret""#, "secret"),
    ("documents.jsonl", #""exact": 5"#, #""exact": 6"#, "line 6"),
    ("documents.jsonl", #""near": 0"#, #""near": -1"#, "line 1"),
    ("documents.jsonl", #""part": "#, #""room": "#, "part"),
    ("documents.jsonl", #""start": "#, #""begin": "#, "start"),
    ("passages.jsonl", #""document": 0, "start": 0"#, #""document": 0, "start": 2"#, "line 1"),
    ("passages.jsonl", #""document": 0"#, #""document": 4"#, "line 1"),
    ("passages.jsonl", #""near": 1}"#, #""near": 1.5}"#, "passages.jsonl"),
    ("vocabulary.json", #""kind": "byte-pairs""#, #""kind": "bytes""#, "tokens"),
    ("vocabulary.json", "[", "[[1, 1],", "tokens"),
    ("text", "quick", "quack", "passages"),
  ]

  @Test("what does not fit together is refused", arguments: damages.indices)
  func damaged(_ index: Int) throws {
    let (name, old, new, told) = Self.damages[index]
    // Without held-out documents the order of the lines is known.
    try Self.run(heldOut: 0).record(in: room.run)
    try rewrite(name) { text in
      guard let range = text.range(of: old) else { return text }
      return text.replacingCharacters(in: range, with: new)
    }
    let line = message { _ = try room.open().text() }
    if name == "text" {
      // The same number of bytes, perhaps cut in other places: no fault of the format.
      #expect(line == "no error" || line.contains(told))
    } else {
      #expect(line.contains(told), "\(line)")
    }
  }

  @Test("bytes behind the last document are damage") func bytesBehind() throws {
    try Self.run(heldOut: 0).record(in: room.run)
    try rewrite("text") { $0 + "more" }
    let line = message { _ = try room.open().text() }
    #expect(line.contains("data/text") && line.contains("4 bytes behind the last document"))
  }

  @Test("lines that are missing or too many, and a stride that does not do, are refused")
  func wrongCounts() throws {
    try Self.run(heldOut: 0).record(in: room.run)
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(of: #""stride": 4"#, with: #""stride": 7"#)
    }
    #expect(message { _ = try room.open().text() }.contains("text.stride"))
    try room.edit("run.json") {
      $0 = $0.replacingOccurrences(of: #""stride": 7"#, with: #""stride": 4"#)
    }
    try rewrite("passages.jsonl") { String($0.dropLast(2).prefix { $0 != "\n" }) + "\n" }
    #expect(message { _ = try room.open().text() }.contains("found 1 passages"))
    try FileManager.default.removeItem(atPath: "\(room.run)/data/text")
    #expect(message { _ = try room.open().text() }.contains("data/text"))
  }

  // MARK: Models and losses

  @Test("the vocabulary of a transformer may be left to the text")
  func specification() throws {
    for text in ["", "vocabulary=auto,", "vocabulary=99,"] {
      let model = try ModelRegistry.textModel(
        "transformer:\(text)context=6,width=8,heads=2,layers=1,tied", tokens: 99)
      #expect(
        model.specification
          == "transformer:vocabulary=99,context=6,width=8,heads=2,layers=1,tied")
    }
    let other = message {
      _ = try ModelRegistry.textModel(
        "transformer:vocabulary=98,context=6,width=8,heads=2,layers=1", tokens: 99)
    }
    #expect(other.contains("98 tokens, expected 99"))
    let none = message { _ = try ModelRegistry.textModel("mlp:4-3:tanh", tokens: 3) }
    #expect(none.contains("predicts no next tokens"))
  }

  @Test("losses of text are those of its items, with any threads", arguments: [1, 3])
  func losses(_ threads: Int) throws {
    let run = try Self.run()
    let text = try #require(run.text)
    let data = run.train.items
    let loss = try run.model.textLoss(
      on: data, text.vocabulary, at: run.initialParameters, pool: WorkerPool(threads: threads))
    let values = run.model.values(
      of: .loss, loss: .crossEntropySum, on: data, at: run.initialParameters)
    let sum = values.reduce(0) { $0 + Double($1) }
    #expect(abs(loss.nats - sum) < 1e-4 * sum)
    #expect(loss.tokens == text.trainPassages.reduce(0) { $0 + $1.predictions })
    let bytes = text.trainPassages.reduce(0) { bytes, passage in
      let document = text.documents[passage.document].text
      let first = document.bytes(of: passage.tokens.lowerBound)
      return bytes + passage.bytes.count - first.count
    }
    #expect(loss.bytes == bytes)
    let alone = try run.model.textLoss(on: data, text.vocabulary, at: run.initialParameters)
    #expect(alone == loss)
  }
}
