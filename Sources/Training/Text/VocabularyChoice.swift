public import Formats

/// How to make a vocabulary from a corpus.
public enum VocabularyChoice: Equatable, Sendable, CustomStringConvertible {
  /// The 256 bytes.
  case bytes
  /// The Unicode scalars that occur.
  case characters
  /// The 256 bytes, and pairs that are often together, up to this many tokens.
  case bytePairs(Int)

  /// The most tokens of a vocabulary that is learnt.
  public static let mostTokens = 1 << 16

  /// Reads `bytes`, `characters` or `bpe:512`.
  ///
  /// - Throws: ``TrainingError/setting(name:found:expected:)``.
  public init(_ text: String) throws(TrainingError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    switch parts[0] {
    case "bytes" where parts.count == 1: self = .bytes
    case "characters" where parts.count == 1: self = .characters
    case "bpe" where parts.count == 2:
      guard let count = Int(parts[1]), (257...Self.mostTokens).contains(count) else { fallthrough }
      self = .bytePairs(count)
    default:
      throw .setting(
        name: "vocabulary", found: FormatError.quoted(text),
        expected: "bytes, characters or bpe:512, with 257 to \(Self.mostTokens) tokens")
    }
  }

  /// The text that ``init(_:)`` reads.
  public var description: String {
    switch self {
    case .bytes: "bytes"
    case .characters: "characters"
    case .bytePairs(let count): "bpe:\(count)"
    }
  }
}

extension Vocabulary {
  /// A vocabulary of a kind, learnt from texts where the kind is learnt.
  ///
  /// The same texts give the same vocabulary: of equally frequent pairs the smaller one is joined
  /// first. No pair is joined that occurs once, so there may be fewer tokens than asked for.
  ///
  /// - Throws: `FormatError`, naming the file and the byte that is no UTF-8, unless tokens are bytes.
  /// - Complexity: O(n log n) in the bytes.
  public init(_ choice: VocabularyChoice, of files: [TextFile]) throws(FormatError) {
    switch choice {
    case .bytes: self = .bytes
    case .characters:
      var found: Set<Unicode.Scalar> = []
      for file in files {
        try UTF8Text.forEachScalar(of: file.bytes, name: file.path) { scalar, _ in
          found.insert(scalar)
        }
      }
      self.init(characters: found.sorted())
    case .bytePairs(let count):
      for file in files { try UTF8Text.check(file.bytes, name: file.path) }
      var learner = BytePairLearner(files.map(\.bytes))
      self.init(merges: learner.merges(count - 256))
    }
  }
}
