import TensorCore
import Testing
import Training

@Suite("normal forms of text")
struct NormalFormTests {
  private func form(_ text: String) -> String {
    String(decoding: NormalForm.bytes(of: Array(text.utf8)[...]), as: UTF8.self)
  }

  private func words(_ text: String) -> [String] {
    NormalForm.words(of: Array(text.utf8)[...]).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Texts that read the same, the plain one first.
  static let same: [[String]] = [
    [
      "\"heron\" and 'weir'", "“heron” and ‘weir’", "„Heron“ AND ‚weir‘", "«heron» and ‹weir›",
      "″heron″ and ′weir´", "＂heron＂ and ＇weir＇",
    ],
    ["a pebble - so", "a pebble — so", "a pebble – so", "a pebble − so", "a pebble ‑ so"],
    [
      "one two three", "one\u{a0}two\u{202f}three", "  one\t\n two\u{2003}\u{2028}three",
      "one\u{3000}two\u{85}three", "\u{feff}one two three", "o\u{ad}ne two thr\u{200d}ee",
      "ＯＮＥ two ｔｈree",
    ],
    ["паром отошел", "ПАРОМ ОТОШЕЛ"], ["ο σοφόσ", "Ο ΣΟΦΌΣ", "ο σοφός"],
    ["café été", "cafe\u{301} e\u{301}te\u{301}", "CAFÉ ÉTÉ", "CAFE\u{301} ÉTÉ"],
    ["strasse", "Straße", "STRASSE", "STRAẞE"], ["fish ... off", "ﬁsh … oﬀ"],
    ["5 °c", "5 ℃"], ["ΐ", "Ϊ́", "\u{1fd3}"], ["ქართული", "ᲥᲐᲠᲗᲣᲚᲘ"],
  ]

  @Test("what reads the same has one form", arguments: same.indices) func equal(index: Int) {
    let texts = Self.same[index]
    for text in texts { #expect(form(text) == form(texts[0]), "\(text)") }
    // A form is its own form.
    #expect(form(form(texts[0])) == form(texts[0]))
  }

  @Test("what reads differently has not") func different() {
    for (a, b) in [
      ("café", "cafe"), ("паром", "паро"), ("a b", "ab"), ("1", "I"), ("é", "è"), ("ı", "1"),
      ("\"a\"", "'a'"), ("がか", "かか"),
    ] {
      #expect(form(a) != form(b))
    }
  }

  @Test("ASCII is itself in small letters, with single spaces and none before it") func ascii() {
    #expect(form(" \n The QUICK\t brown-fox's  ~`{}  ") == "the quick brown-fox's ~`{} ")
    #expect(form("") == "" && form(" ") == "")
  }

  @Test("bytes that are not UTF-8 stay, those of a character that the ends cut do not")
  func otherBytes() {
    // Latin-1: two words that differ in one letter are two.
    let (a, b) = (Array("caf".utf8) + [0xe9, 0x20, 0x61], Array("caf".utf8) + [0xe8, 0x20, 0x61])
    #expect(NormalForm.bytes(of: a[...]) == a && NormalForm.bytes(of: b[...]) == b)
    let quoted = Array("“Heron” weir".utf8)
    for cut in 1...2 {
      #expect(NormalForm.bytes(of: quoted[cut...]) == Array("heron\" weir".utf8))
    }
    let end = Array("weir”".utf8)
    for cut in 1...2 {
      #expect(NormalForm.bytes(of: end.dropLast(cut)) == Array("weir".utf8))
    }
    #expect(NormalForm.bytes(of: [0x80, 0x80, 0x80]) == [])
    // Nothing crashes, whatever the bytes.
    var stream = RandomStream(seed: 1, stream: 9_300)
    for _ in 0..<500 {
      let bytes = (0..<40).map { _ in UInt8(stream.nextInteger(below: 256)) }
      #expect(NormalForm.words(of: bytes[...]).allSatisfy { !$0.isEmpty })
    }
  }

  @Test("words are letters, marks and digits of every script; what has no spaces falls apart")
  func wordsOfText() {
    #expect(
      words("“Don’t”—said the Heron…") == ["don", "t", "said", "the", "heron"])
    #expect(words("naïve nai\u{308}ve q\u{307}x") == ["naïve", "naïve", "q\u{307}x"])
    #expect(words("हिन्दी में") == ["हिन्दी", "में"])
    #expect(words("١٢٣ 12½") == ["١٢٣", "121", "2"])
    #expect(words("日本語で テスト") == ["日", "本", "語", "で", "テスト"])
    #expect(words("ok 🙂🙂!") == ["ok", "🙂", "🙂"])
    #expect(words("\u{feff}— … ”") == [])
  }
}
