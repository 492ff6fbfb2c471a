public import Formats

/// The tokens of a text model: what bytes each stands for.
///
/// Every token stands for one sequence of bytes wherever it occurs, so tokens of a text know their
/// bytes, and decoding is joining.
public struct Vocabulary: Equatable, Sendable {
  /// What a token is.
  public enum Kind: Equatable, Sendable {
    /// Any of the 256 bytes.
    case bytes
    /// A Unicode scalar of the corpus.
    case characters
    /// A byte, or two tokens that often follow each other in the corpus, joined.
    case bytePairs
  }

  /// What the tokens are.
  public let kind: Kind
  /// The bytes of each token: V sequences, none empty.
  public let pieces: [[UInt8]]
  /// The pairs of tokens that were joined, in the order in which they were learnt.
  ///
  /// The first makes token 256. Empty but for byte pairs.
  let merges: [TokenPair]
  private let encoder: any TokenEncoder

  /// V, the number of tokens.
  public var count: Int { pieces.count }

  /// The 256 bytes, in their order.
  public static let bytes = Vocabulary(.bytes, allBytes, [], ByteEncoder())

  /// Unicode scalars, in ascending order.
  ///
  /// - Precondition: Each scalar is there once.
  init(characters: [Unicode.Scalar]) {
    self.init(
      .characters, characters.map { Array(UTF8.encode($0) ?? UTF8.encodedReplacementCharacter) },
      [], CharacterEncoder(characters))
  }

  /// The 256 bytes and then the joined pairs.
  ///
  /// - Precondition: Each pair is of earlier tokens, and is there once.
  init(merges: [TokenPair]) {
    var pieces = Self.allBytes
    for pair in merges { pieces.append(pieces[Int(pair.first)] + pieces[Int(pair.second)]) }
    self.init(.bytePairs, pieces, merges, BytePairEncoder(merges))
  }

  private init(
    _ kind: Kind, _ pieces: [[UInt8]], _ merges: [TokenPair], _ encoder: any TokenEncoder
  ) {
    self.kind = kind
    self.pieces = pieces
    self.merges = merges
    self.encoder = encoder
  }

  private static let allBytes = (0...UInt8.max).map { [$0] }

  /// Whether texts must be UTF-8.
  public var needsUTF8: Bool { kind != .bytes }

  /// The tokens of a text, each with its bytes.
  ///
  /// - Parameters:
  ///   - text: Fewer than 2³¹ bytes.
  ///   - name: What errors call the text.
  /// - Throws: `FormatError`, naming the byte: where the text must be UTF-8 and is not, or where a
  ///   character is not in the vocabulary.
  /// - Complexity: linear in the bytes.
  public func encode(_ text: [UInt8], name: String) throws(FormatError) -> TokenizedText {
    guard text.count < Int(Int32.max) else {
      throw FormatError(
        .malformed, file: name, found: "\(text.count) bytes", expected: "fewer than 2³¹")
    }
    let tokens = try encoder.tokens(text, name: name)
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(tokens.count + 1)
    var offset: Int32 = 0
    for token in tokens {
      offset += Int32(pieces[Int(token)].count)
      offsets.append(offset)
    }
    return TokenizedText(tokens: tokens, offsets: offsets)
  }

  /// The last place at or before a byte of a text that no token crosses, whichever letter or digit
  /// stands there.
  ///
  /// - Precondition: The byte is a letter or a digit of ASCII.
  public func boundary(before byte: Int, in text: [UInt8]) -> Int {
    guard kind == .bytePairs else { return byte }
    var boundary = 0
    WordParts.forEach(of: text) { if $0.startIndex <= byte { boundary = $0.startIndex } }
    return boundary
  }

  /// The bytes of a sequence of tokens.
  ///
  /// - Precondition: All are tokens of the vocabulary.
  public func decode(_ tokens: some Sequence<Int32>) -> [UInt8] {
    tokens.flatMap { pieces[Int($0)] }
  }

  /// Two vocabularies are the same if they have the same tokens, made in the same way.
  public static func == (a: Vocabulary, b: Vocabulary) -> Bool {
    a.kind == b.kind && a.pieces == b.pieces && a.merges == b.merges
  }
}

/// How the bytes of a text become tokens.
protocol TokenEncoder: Sendable {
  /// The tokens, whose bytes joined are the text.
  func tokens(_ text: [UInt8], name: String) throws(FormatError) -> [Int32]
}

/// Each byte is a token.
struct ByteEncoder: TokenEncoder {
  func tokens(_ text: [UInt8], name: String) -> [Int32] { text.map(Int32.init) }
}

/// Each Unicode scalar is a token.
struct CharacterEncoder: TokenEncoder {
  private let numbers: [Unicode.Scalar: Int32]

  init(_ characters: [Unicode.Scalar]) {
    numbers = Dictionary(
      uniqueKeysWithValues: characters.enumerated().map { ($1, Int32($0)) })
  }

  func tokens(_ text: [UInt8], name: String) throws(FormatError) -> [Int32] {
    var tokens: [Int32] = []
    tokens.reserveCapacity(text.count)
    try UTF8Text.forEachScalar(of: text, name: name) { scalar, offset throws(FormatError) in
      guard let number = numbers[scalar] else {
        throw FormatError(
          .malformed, file: name, at: .byte(offset),
          found: "the character \(FormatError.quoted(String(scalar))) "
            + "(U+\(Self.hexadecimal(scalar)))",
          expected: "one of the \(numbers.count) characters that the model was trained on")
      }
      tokens.append(number)
    }
    return tokens
  }

  private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(4 - digits.utf8.count, 0)) + digits
  }
}

/// Texts in UTF-8.
enum UTF8Text {
  /// Visits the scalars of a text with the bytes at which they start.
  ///
  /// - Throws: `FormatError`, naming the first byte that is no UTF-8.
  static func forEachScalar(
    of text: [UInt8], name: String, _ visit: (Unicode.Scalar, Int) throws(FormatError) -> Void
  ) throws(FormatError) {
    var parser = Unicode.UTF8.ForwardParser()
    var bytes = text.makeIterator()
    var offset = 0
    while true {
      switch parser.parseScalar(from: &bytes) {
      case .emptyInput: return
      case .valid(let encoded):
        try visit(Unicode.UTF8.decode(encoded), offset)
        offset += encoded.count
      case .error:
        throw FormatError(
          .malformed, file: name, at: .byte(offset), found: "a byte that is not UTF-8",
          expected: "text in UTF-8", remedy: "convert it, or use the vocabulary of bytes")
      }
    }
  }

  /// Checks that a text is UTF-8.
  static func check(_ text: [UInt8], name: String) throws(FormatError) {
    // The library's own check is faster than the parser, which tells the byte.
    if String(validating: text, as: UTF8.self) != nil { return }
    try forEachScalar(of: text, name: name) { _, _ in }
  }
}
