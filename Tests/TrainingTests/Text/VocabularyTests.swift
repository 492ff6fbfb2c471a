import Formats
import TensorCore
import Testing
import Training

/// Texts from a few letters, so that pairs come again; any scalars where `isWild`.
func randomText(_ count: Int, seed: UInt64, isWild: Bool = false) -> [UInt8] {
  var stream = RandomStream(seed: seed, stream: 9_000)
  let tame: [Unicode.Scalar] = ["a", "b", "c", "n", " ", "\n", ".", "é"]
  let wild: [Unicode.Scalar] = ["\u{301}", "ß", "漢", "🜁", "\u{200d}", "\u{feff}", "\r", "\u{7f}"]
  var text = String.UnicodeScalarView()
  for _ in 0..<count {
    let letters = isWild && stream.nextInteger(below: 3) == 0 ? wild : tame
    text.append(letters[stream.nextInteger(below: letters.count)])
  }
  return Array(String(text).utf8)
}

func textFile(_ bytes: [UInt8], _ path: String = "a.txt") -> TextFile {
  TextFile(path: path, bytes: bytes)
}

func textFile(_ text: String, _ path: String = "a.txt") -> TextFile {
  textFile(Array(text.utf8), path)
}

@Suite("vocabularies")
struct VocabularyTests {
  static let choices: [VocabularyChoice] = [.bytes, .characters, .bytePairs(300)]

  @Test(
    "encoding and decoding give the text back, and tokens know their bytes", arguments: choices,
    [0, 1, 2, 3, 4])
  func roundTrip(_ choice: VocabularyChoice, _ seed: UInt64) throws {
    let text = randomText(seed == 0 ? 0 : 400, seed: seed, isWild: true)
    let vocabulary = try Vocabulary(choice, of: [textFile(text)])
    let encoded = try vocabulary.encode(text, name: "text")
    #expect(vocabulary.decode(encoded.tokens) == text)
    #expect(encoded.offsets.count == encoded.count + 1)
    for place in 0..<encoded.count {
      let piece = vocabulary.pieces[Int(encoded.tokens[place])]
      #expect(Array(text[encoded.bytes(of: place)]) == piece)
    }
    let whole = encoded.bytes(of: 0..<encoded.count)
    #expect(whole == 0..<text.count)
  }

  @Test("the tokens of a range of bytes are those that share bytes with it")
  func tokensOfBytes() throws {
    let text = randomText(60, seed: 5, isWild: true)
    let encoded = try Vocabulary(.characters, of: [textFile(text)]).encode(text, name: "text")
    for low in 0..<text.count {
      for high in low + 1...min(low + 9, text.count) {
        let sharing = (0..<encoded.count).filter { encoded.bytes(of: $0).overlaps(low..<high) }
        #expect(Array(encoded.tokens(of: low..<high)) == sharing)
      }
      #expect(encoded.tokens(of: low..<low).isEmpty)
    }
  }

  @Test("any bytes are text of the vocabulary of bytes, and of no other") func invalidUTF8() throws
  {
    let text: [UInt8] = [0x61, 0xc3, 0x28, 0xff]
    let bytes = try Vocabulary(.bytes, of: [textFile(text)])
    #expect(try bytes.encode(text, name: "text").tokens == [0x61, 0xc3, 0x28, 0xff])
    for choice in [VocabularyChoice.characters, .bytePairs(300)] {
      let error = #expect(throws: FormatError.self) { try Vocabulary(choice, of: [textFile(text)]) }
      #expect(error?.place == .byte(1))
      #expect(error?.file == "a.txt")
    }
  }

  @Test("an unknown character is named with its byte") func unknown() throws {
    let vocabulary = try Vocabulary(.characters, of: [textFile("aé b")])
    let error = #expect(throws: FormatError.self) {
      try vocabulary.encode(Array("é漢".utf8), name: "--prompt")
    }
    #expect(error?.place == .byte(2))
    #expect(error?.found.contains("“漢” (U+6F22)") == true)
    #expect(error?.expected.contains("4 characters") == true)
  }

  @Test("characters are numbered in ascending order") func ascending() throws {
    let vocabulary = try Vocabulary(.characters, of: [textFile("cab"), textFile("éa", "b.txt")])
    #expect(vocabulary.pieces == ["a", "b", "c", "é"].map { Array($0.utf8) })
  }

  // MARK: Byte pairs

  /// The definition: count all pairs anew before each merge.
  private static func naiveMerges(_ texts: [String], _ most: Int) -> [[Int32]] {
    // One word a text: the learner joins nothing across words.
    var words = texts.map { $0.utf8.map(Int32.init) }
    var merges: [[Int32]] = []
    while merges.count < most {
      var counts: [[Int32]: Int] = [:]
      for word in words {
        for (a, b) in zip(word, word.dropFirst()) { counts[[a, b], default: 0] += 1 }
      }
      let best = counts.max {
        $0.value != $1.value ? $0.value < $1.value : $1.key.lexicographicallyPrecedes($0.key)
      }
      guard let best, best.value > 1 else { break }
      for index in words.indices {
        var joined: [Int32] = []
        for token in words[index] {
          // From the left, as `joined` ends with what was just joined.
          if joined.last == best.key[0], token == best.key[1] {
            joined[joined.count - 1] = -1
          } else {
            joined.append(token)
          }
        }
        words[index] = joined.map { $0 == -1 ? Int32(256 + merges.count) : $0 }
      }
      merges.append(best.key)
    }
    return merges
  }

  @Test("pairs are learnt as by counting anew each time", arguments: 0..<12)
  func learning(_ seed: UInt64) throws {
    var stream = RandomStream(seed: seed, stream: 9_001)
    let words = (0..<40).map { _ in
      String(
        (0..<1 + stream.nextInteger(below: 12)).map { _ in
          ["a", "b", "c"][stream.nextInteger(below: seed < 4 ? 2 : 3)]
        }.joined())
    }
    let vocabulary = try Vocabulary(
      .bytePairs(256 + 30), of: words.map { textFile($0) })
    let merges = Self.naiveMerges(words, 30)
    #expect(vocabulary.count == 256 + merges.count)
    var pieces = (0...UInt8.max).map { [$0] }
    for pair in merges { pieces.append(pieces[Int(pair[0])] + pieces[Int(pair[1])]) }
    #expect(vocabulary.pieces == pieces)
  }

  @Test("no token crosses a word, a sign or the end of a line, and none is longer than 64 bytes")
  func words() throws {
    let text = String(repeating: "so so,\n  so", count: 9) + String(repeating: "a", count: 500)
    let vocabulary = try Vocabulary(.bytePairs(400), of: [textFile(text)])
    let learnt = vocabulary.pieces.dropFirst(256).map { String(decoding: $0, as: UTF8.self) }
    #expect(learnt.contains(" so"))
    #expect(learnt.contains("\n "))
    let others = learnt.filter { !$0.allSatisfy(\.isWhitespace) }
    #expect(!others.contains { $0.dropFirst().contains(where: \.isWhitespace) })
    #expect(!others.contains { $0.contains("o,") })
    #expect(vocabulary.pieces.allSatisfy { $0.count <= 64 })
    #expect(learnt.contains { $0.utf8.count == 64 })
  }

  @Test("pairs that occur once are not joined, so there may be fewer tokens") func fewer() throws {
    let vocabulary = try Vocabulary(.bytePairs(1_000), of: [textFile("abcdefg")])
    #expect(vocabulary.count == 256)
  }

  // MARK: Files

  @Test("a vocabulary comes back from its file", arguments: choices)
  func file(_ choice: VocabularyChoice) throws {
    let text = randomText(300, seed: 8, isWild: true)
    let vocabulary = try Vocabulary(choice, of: [textFile(text)])
    let written = Array(vocabulary.json.formatted.utf8)
    let read = try Vocabulary(ByteSource(written, name: "vocabulary.json"))
    #expect(read == vocabulary)
    #expect(try read.encode(text, name: "a") == vocabulary.encode(text, name: "b"))
  }

  @Test(
    "a vocabulary at fault is refused",
    arguments: [
      "", "[]", "{}", #"{"format": "palimpsest-run", "version": 1, "kind": "bytes"}"#,
      head(#""kind": "words""#, version: 1), head(#""kind": "bytes""#, version: 2),
      head(#""kind": "characters""#), head(#""kind": "characters", "characters": "ba""#),
      head(#""kind": "characters", "characters": "aa""#),
      head(#""kind": "byte-pairs", "merges": [[97, 98], [97, 98]]"#),
      head(#""kind": "byte-pairs", "merges": [[97, 256]]"#),
      head(#""kind": "byte-pairs", "merges": [[-1, 0]]"#),
      head(#""kind": "byte-pairs", "merges": [[97, 98, 99]]"#),
      head(#""kind": "byte-pairs", "merges": [[97, 99999999999999999999]]"#),
      // Each token twice as long as the one before.
      head(
        #""kind": "byte-pairs", "merges": ["#
          + ([97] + Array(256..<300)).map { "[\($0), \($0)]" }.joined(separator: ",") + "]"),
    ])
  func hostile(_ text: String) {
    let error = #expect(throws: FormatError.self) {
      try Vocabulary(ByteSource(Array(text.utf8), name: "vocabulary.json"))
    }
    #expect(error?.kind == .malformed)
    #expect(error?.file == "vocabulary.json")
  }

  private static func head(_ rest: String, version: Int = 1) -> String {
    #"{"format": "palimpsest-vocabulary", "version": \#(version), \#(rest)}"#
  }

  @Test("the text of a choice", arguments: ["bytes", "characters", "bpe:512"])
  func choice(_ text: String) throws { #expect("\(try VocabularyChoice(text))" == text) }

  @Test(
    "a wrong choice is told",
    arguments: ["", "words", "bpe", "bpe:256", "bpe:x", "bytes:1", "bpe:1:2"])
  func wrongChoice(_ text: String) {
    #expect(message { _ = try VocabularyChoice(text) }.contains("bytes, characters or bpe:512"))
  }
}
