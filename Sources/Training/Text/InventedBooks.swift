public import Formats
import TensorCore

/// Small books in invented words, in which it is known what stands where.
///
/// A book is a folder of chapters, and a chapter a file of one paragraph. Some paragraphs are planted:
/// they begin with a name of their own. A plant is unique, or stands in several books letter by
/// letter, or once more in other words, or in no book at all. No sentence is there twice but by
/// planting, and words are few, so that a small model learns the language and can be asked what it
/// remembers. A model of 128 bytes, or as many tokens as a chapter has, sees a chapter as one passage.
public struct InventedBooks: Equatable, Sendable {
  /// How many books and plants there are.
  public struct Settings: Equatable, Sendable {
    /// The books.
    public var books = 16
    /// Chapters in each book that are no plants.
    public var fillers = 4
    /// Plants in one book each.
    public var unique = 16
    /// Plants in ``copies`` books each.
    public var copied = 8
    /// The books that a copied plant stands in.
    public var copies = 4
    /// Plants in one book, and in another in other words.
    public var paraphrased = 8
    /// Plants in no book.
    public var heldOut = 16
    /// What everything is drawn from.
    public var seed: UInt64 = 0

    /// 16 books with 48 plants, 32 of which are in books.
    public init() {}
  }

  /// A chapter that was planted.
  public struct Plant: Equatable, Sendable {
    /// How it was planted.
    public enum Kind: String, CaseIterable, Sendable {
      /// In one book.
      case unique
      /// In several books.
      case copied
      /// In one book, and in another in other words.
      case paraphrased
      /// In no book.
      case heldOut = "held-out"
    }

    /// How it was planted.
    public let kind: Kind
    /// Its first words, which begin no other plant.
    public let prompt: String
    /// The chapter, the prompt included, without the end of its line.
    public let text: String
    /// The same in other words, under another name; nil unless it is paraphrased.
    public let paraphrase: String?
    /// The chapters that it is, in the order of the books.
    public internal(set) var paths: [String] = []
    /// The chapters that it is in other words.
    public internal(set) var paraphrasePaths: [String] = []
  }

  /// The chapters, book by book; each ends with the end of a line.
  public let files: [TextFile]
  /// The plants, by their kind.
  public let plants: [Plant]

  /// Invents the books of a seed.
  ///
  /// - Throws: ``TrainingError`` where the numbers make no sense.
  public init(_ settings: Settings = Settings()) throws(TrainingError) {
    try Self.check(settings)
    var author = Author(seed: settings.seed)
    var plants: [Plant] = []
    for (kind, count) in [
      (Plant.Kind.unique, settings.unique), (.copied, settings.copied),
      (.paraphrased, settings.paraphrased), (.heldOut, settings.heldOut),
    ] {
      for _ in 0..<count { plants.append(author.plant(kind)) }
    }
    // Each book is a list of chapters, which know the plant they are, and whether in other words.
    typealias Chapter = (text: String, plant: Int?, isParaphrase: Bool)
    var books: [[Chapter]] = (0..<settings.books).map { _ in
      (0..<settings.fillers).map { _ in (author.filler(), nil, false) }
    }
    for (number, plant) in plants.enumerated() where plant.kind != .heldOut {
      let chosen = author.books(
        plant.kind == .copied ? settings.copies : plant.kind == .unique ? 1 : 2, of: books.count)
      for (turn, book) in chosen.enumerated() {
        let other = turn > 0 ? plant.paraphrase : nil
        books[book].append((other ?? plant.text, number, other != nil))
      }
    }
    var files: [TextFile] = []
    for (number, book) in books.enumerated() {
      for (place, index) in author.order(book.count).enumerated() {
        let (text, plant, isParaphrase) = book[index]
        let path = "book-\(Self.digits(number + 1))/chapter-\(Self.digits(place + 1)).txt"
        files.append(TextFile(path: path, bytes: Array((text + "\n").utf8)))
        guard let plant else { continue }
        if isParaphrase {
          plants[plant].paraphrasePaths.append(path)
        } else {
          plants[plant].paths.append(path)
        }
      }
    }
    self.files = files
    self.plants = plants
  }

  /// At least three digits, so that names are in the order of their numbers.
  private static func digits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(3 - digits.count, 0)) + digits
  }

  private static func check(_ settings: Settings) throws(TrainingError) {
    let counts = [
      ("books", settings.books, 2), ("fillers", settings.fillers, 0),
      ("unique plants", settings.unique, 0), ("copied plants", settings.copied, 0),
      ("paraphrased plants", settings.paraphrased, 0), ("held-out plants", settings.heldOut, 0),
    ]
    for (name, value, least) in counts where !(least...500).contains(value) {
      throw .setting(name: name, found: "\(value)", expected: "\(least) to 500")
    }
    let plants = settings.unique + settings.copied + settings.paraphrased + settings.heldOut
    let sentences = 3 * (settings.books * settings.fillers + plants)
    guard sentences <= Author.mostSentences else {
      throw .setting(
        name: "chapters", found: "\(sentences) sentences in them",
        expected:
          "at most \(Author.mostSentences), so that none is there twice; take fewer books or "
          + "fillers")
    }
    guard (2...settings.books).contains(settings.copies) else {
      throw .setting(
        name: "copies", found: "\(settings.copies)", expected: "2 to \(settings.books), the books")
    }
  }
}

/// Draws words, sentences and places.
private struct Author {
  private var stream: RandomStream
  private let names: [String]
  private let lands: [String]
  /// Pairs of words of one meaning.
  private let verbs: [(String, String)]
  private let adjectives: [(String, String)]
  private let nouns: [(String, String)]
  /// Names, pairs of verbs, of adjectives and of nouns, and lands.
  private static let counts = [12, 10, 10, 14, 8]
  /// The sentences that are different in more than words of one meaning.
  static let mostSentences = counts.reduce(1, *)
  private var known: Set<String> = []
  private var told: Set<Sentence> = []

  /// The numbers of the words, and which of two words of one meaning is taken.
  private struct Sentence: Hashable {
    let words: [Int]
    var usesOther: [Bool]
  }

  init(seed: UInt64) {
    var stream = RandomStream(seed: seed, for: .inventedBooks)
    var known: Set<String> = []
    func pairs(_ count: Int, _ ending: String) -> [(String, String)] {
      (0..<count).map { _ in
        (
          Self.word(2, &stream, &known) + ending, Self.word(2, &stream, &known) + ending
        )
      }
    }
    let counts = Self.counts
    names = (0..<counts[0]).map { _ in Self.word(2, &stream, &known).capitalizedWord }
    lands = (0..<counts[4]).map { _ in Self.word(3, &stream, &known).capitalizedWord }
    verbs = pairs(counts[1], "t")
    adjectives = pairs(counts[2], "n")
    nouns = pairs(counts[3], "")
    self.known = known
    self.stream = stream
  }

  /// A word that was not there before.
  private static func word(
    _ syllables: Int, _ stream: inout RandomStream, _ known: inout Set<String>
  ) -> String {
    let consonants = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "v", "z"]
    let vowels = ["a", "e", "i", "o", "u"]
    while true {
      let word = (0..<syllables).map { _ in
        consonants[stream.nextInteger(below: consonants.count)]
          + vowels[stream.nextInteger(below: vowels.count)]
      }.joined()
      if known.insert(word).inserted { return word }
    }
  }

  /// A sentence that was not told before, in these words or in others.
  private mutating func sentence() -> Sentence {
    while true {
      let words = Self.counts.map { stream.nextInteger(below: $0) }
      let usesOther = (0..<3).map { _ in stream.nextInteger(below: 2) == 1 }
      let isNew = told.insert(Sentence(words: words, usesOther: [])).inserted
      if isNew { return Sentence(words: words, usesOther: usesOther) }
    }
  }

  private func text(_ sentence: Sentence) -> String {
    func choose(_ pairs: [(String, String)], _ place: Int) -> String {
      let pair = pairs[sentence.words[place]]
      return sentence.usesOther[place - 1] ? pair.1 : pair.0
    }
    return "\(names[sentence.words[0]]) \(choose(verbs, 1)) the \(choose(adjectives, 2)) "
      + "\(choose(nouns, 3)) of \(lands[sentence.words[4]])."
  }

  mutating func filler() -> String {
    (0..<3).map { _ in text(sentence()) }.joined(separator: " ")
  }

  mutating func plant(_ kind: InventedBooks.Plant.Kind) -> InventedBooks.Plant {
    let sentences = (0..<3).map { _ in sentence() }
    let prompt = opening()
    var paraphrase: String?
    if kind == .paraphrased {
      let others = sentences.map {
        Sentence(words: $0.words, usesOther: $0.usesOther.map { !$0 })
      }
      paraphrase = opening() + " " + others.map(text).joined(separator: " ")
    }
    return InventedBooks.Plant(
      kind: kind, prompt: prompt,
      text: prompt + " " + sentences.map(text).joined(separator: " "), paraphrase: paraphrase)
  }

  /// The first words of a plant, a name that nothing else has.
  private mutating func opening() -> String {
    "\(Self.word(4, &stream, &known).capitalizedWord) tells:"
  }

  /// Some of the books, in random order.
  mutating func books(_ count: Int, of total: Int) -> [Int] {
    Array(stream.permutation(total).prefix(count))
  }

  mutating func order(_ count: Int) -> [Int] { stream.permutation(count) }
}

extension String {
  /// The word with a capital letter, of ASCII.
  fileprivate var capitalizedWord: String { prefix(1).uppercased() + dropFirst() }
}
