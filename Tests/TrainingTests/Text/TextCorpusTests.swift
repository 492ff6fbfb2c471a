import Formats
import TensorCore
import Testing
import Training

@Suite("corpora of text")
struct TextCorpusTests {
  /// Six documents, the third empty and the fourth of one byte.
  static let files = [
    textFile("The quick brown fox jumps over the lazy dog.", "a.txt"),
    textFile("Pack my box with five dozen liquor jugs!", "b.txt"), textFile("", "c.txt"),
    textFile("x", "d.txt"), textFile("Sphinx of black quartz, judge my vow.", "e.txt"),
    textFile("How vexingly quick daft zebras jump…", "f.txt"),
  ]

  static func corpus(
    _ files: [TextFile] = files, context: Int = 8, stride: Int? = nil, heldOut: Double = 0,
    seed: UInt64 = 0, _ choice: VocabularyChoice = .bytes
  ) throws -> TextCorpus {
    var settings = TextCorpus.Settings(context: context)
    settings.stride = stride
    settings.heldOut = heldOut
    settings.seed = seed
    return try TextCorpus(files, Vocabulary(choice, of: files), settings)
  }

  @Test(
    "every token but the first of a document is predicted once, and after what stands before it",
    arguments: VocabularyTests.choices, [1, 5, 8, 100])
  func everyToken(_ choice: VocabularyChoice, _ context: Int) throws {
    let corpus = try Self.corpus(context: context, choice)
    let data = corpus.train(as: Float.self)
    #expect(data.count == corpus.passages.count)
    var predicted = corpus.documents.map { [Int](repeating: 0, count: $0.text.count) }
    for (item, passage) in corpus.passages.enumerated() {
      let text = corpus.documents[passage.document].text
      #expect((2...context + 1).contains(passage.tokens.count))
      guard case .labels(let labels) = data.targets else { return }
      for position in 0..<context {
        let (input, label) = (
          data.inputs.scalars[item * context + position], labels[item * context + position]
        )
        guard position < passage.predictions else {
          #expect(input == 0 && label == -100)
          continue
        }
        let token = passage.tokens.lowerBound + position
        #expect(Int32(input) == text.tokens[token] && label == text.tokens[token + 1])
        predicted[passage.document][token + 1] += 1
      }
    }
    for counts in predicted {
      #expect(counts.dropFirst().allSatisfy { $0 == 1 } && counts.first ?? 0 == 0)
    }
  }

  @Test("items are called by their file and bytes, which are their text", arguments: [3, 8])
  func names(_ stride: Int) throws {
    let corpus = try Self.corpus(stride: stride, .characters)
    let data = corpus.train(as: Float.self)
    #expect(data.ids[0] == "a.txt:0..<9" && data.groups[0] == "a.txt")
    #expect(Set(data.ids).count == data.count)
    for (item, passage) in corpus.passages.enumerated() {
      let document = corpus.documents[passage.document]
      #expect(data.groups[item] == document.path)
      let tokens = document.text.tokens[passage.tokens]
      #expect(corpus.vocabulary.decode(tokens) == Array(corpus.bytes(of: item)))
    }
    // The ellipsis is one character of three bytes.
    let end = Self.files[5].bytes.count
    #expect(data.ids.last?.hasSuffix("..<\(end)") == true)
  }

  @Test("a shorter stride overlaps, and stops with the end of the text") func stride() throws {
    let corpus = try Self.corpus([textFile("0123456789abcdefghi")], stride: 4)
    #expect(corpus.passages.map(\.bytes) == [0..<9, 4..<13, 8..<17, 12..<19])
    for stride in [0, 9, -1] {
      #expect(message { _ = try Self.corpus(stride: stride) }.contains("expected 1 to 8"))
    }
  }

  @Test("held-out documents are drawn by the seed, whole, and come after the others")
  func heldOut() throws {
    var drawn: Set<[Bool]> = []
    for seed in 0..<20 as Range<UInt64> {
      let corpus = try Self.corpus(heldOut: 0.3, seed: seed)
      let again = try Self.corpus(heldOut: 0.3, seed: seed)
      #expect(corpus == again)
      #expect(corpus.documents.count(where: \.isHeldOut) == 2)
      drawn.insert(corpus.documents.map(\.isHeldOut))
      #expect(corpus.trainPassages.allSatisfy { !corpus.documents[$0.document].isHeldOut })
      #expect(corpus.heldOutPassages.allSatisfy { corpus.documents[$0.document].isHeldOut })
      let heldOut = corpus.heldOut(as: Float.self)
      #expect((heldOut?.count ?? 0) + corpus.train(as: Float.self).count == corpus.passages.count)
    }
    #expect(drawn.count > 5)
    #expect(try Self.corpus().heldOut(as: Float.self) == nil)
  }

  @Test(
    "a share that leaves nothing to learn, or is none, is refused",
    arguments: [0.99, 1, -0.1, .nan])
  func wrongShare(_ share: Double) {
    #expect(message { _ = try Self.corpus(heldOut: share) }.hasPrefix("held-out share"))
  }

  @Test("texts without two tokens are no corpus") func empty() {
    let line = message { _ = try Self.corpus([textFile(""), textFile("x", "b.txt")]) }
    #expect(line.hasPrefix("found no passage to learn in 2 files"))
  }

  @Test("short documents, and copies across the split, are told") func notes() throws {
    #expect(
      try Self.corpus().notes == [
        "2 of 6 files have fewer than two tokens, and so no passage: “c.txt” and others"
      ])
    let text = Self.files.prefix(5).map { String(decoding: $0.bytes, as: UTF8.self) }.joined()
    let files = [
      textFile(text, "1"), textFile(text.uppercased(), "2"),
      textFile("Nothing of the kind stands here, not by far.", "3"),
    ]
    // Whichever of the first two is held out, the other one is learnt; the third has no like.
    for seed in 0..<6 as Range<UInt64> {
      let corpus = try Self.corpus(files, context: 32, heldOut: 0.3, seed: seed)
      let isCopy = !corpus.documents[2].isHeldOut
      #expect(corpus.documents.map(\.nearGroup) == [0, 0, 2])
      #expect(corpus.documents.map(\.exactGroup) == [0, 1, 2])
      #expect(corpus.notes.contains { $0.contains("they are not new to the model") } == isCopy)
      #expect(corpus.notes.contains { $0.contains("the held-out loss is lower") } == isCopy)
    }
  }

  @Test("equal passages form a group that the first one names") func copies() throws {
    let block = "What is printed twice, "
    let corpus = try Self.corpus(
      [textFile(block + block + block), textFile(block, "b.txt")], context: 23)
    #expect(corpus.passages.map(\.exactGroup) == [0, 0, 2, 2])
    #expect(corpus.exactCopies == 4)
    #expect(corpus.nearCopies == 4)
    #expect(corpus.passages.map(\.nearGroup) == [0, 0, 0, 0])
  }

  @Test("two paths that read the same are told, not taken for one document") func equalPaths() {
    let bytes = Array("some text of a file".utf8)
    for (a, b) in [("caf\u{e9}.txt", "cafe\u{301}.txt"), ("a.txt", "a.txt")] {
      let files = [TextFile(path: a, bytes: bytes), TextFile(path: b, bytes: bytes)]
      var settings = TextCorpus.Settings(context: 8)
      settings.heldOut = 0
      let line = message { _ = try TextCorpus(files, .bytes, settings) }
      #expect(line.contains("two files with the path") && line.contains("rename one"))
    }
  }
}
