public import Formats

// {"format": "palimpsest-vocabulary", "version": 1, "kind": "bytes"}; "characters" is a text of all
// of them; "merges" is an array of pairs of tokens.
extension Vocabulary {
  private static let format = "palimpsest-vocabulary"
  private static let version = 1
  private static let names: [(Kind, String)] = [
    (.bytes, "bytes"), (.characters, "characters"), (.bytePairs, "byte-pairs"),
  ]
  /// The most bytes of the file.
  private static let largestFile = 16 << 20

  /// The name of the kind, for the file and for people.
  public var kindName: String { Self.names.first { $0.0 == kind }?.1 ?? "" }

  /// The document.
  public var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("format", .string(Self.format)), .init("version", .number(Self.version)),
      .init("kind", .string(kindName)),
    ]
    switch kind {
    case .bytes: break
    case .characters:
      let text = String(decoding: pieces.joined(), as: UTF8.self)
      members.append(.init("characters", .string(text)))
    case .bytePairs:
      let pairs = merges.map { JSONValue.array([.number($0.first), .number($0.second)]) }
      members.append(.init("merges", .array(pairs)))
    }
    return .object(members)
  }

  /// Reads a document.
  ///
  /// - Throws: `FormatError`, naming the key and what is wrong with it.
  public init(_ source: ByteSource) throws(FormatError) {
    guard source.count <= Self.largestFile else {
      throw FormatError(
        .malformed, file: source.name, found: "\(source.count) bytes",
        expected: "at most \(Self.largestFile)")
    }
    let fields = try ManifestFields(source)
    guard try fields.value("format") == .string(Self.format) else {
      throw fields.fault("format", expected: "\"\(Self.format)\"")
    }
    guard try fields.integer("version", as: Int.self) == Self.version else {
      throw fields.fault("version", expected: "\(Self.version)")
    }
    let known = Self.names.map(\.1).joined(separator: ", ")
    let name = try fields.string("kind", expected: known)
    switch Self.names.first(where: { $0.1 == name })?.0 {
    case .bytes: self = .bytes
    case .characters:
      let expected = "characters in ascending order, each once"
      let characters = Array(
        try fields.string("characters", expected: expected).unicodeScalars)
      guard zip(characters, characters.dropFirst()).allSatisfy({ $0 < $1 }) else {
        throw fields.fault("characters", expected: expected)
      }
      self.init(characters: characters)
    case .bytePairs: self.init(merges: try Self.merges(fields))
    case nil: throw fields.fault("kind", expected: known)
    }
  }

  /// Pairs of earlier tokens, each once, none longer than a word may be.
  private static func merges(_ fields: ManifestFields) throws(FormatError) -> [TokenPair] {
    let merges = try fields.array("merges", of: "pairs of tokens") { value -> TokenPair? in
      guard let pair = value.array, pair.count == 2, let first = pair[0].integer(Int32.self),
        let second = pair[1].integer(Int32.self)
      else { return nil }
      return TokenPair(first: first, second: second)
    }
    var lengths = [Int](repeating: 1, count: 256)
    var seen: Set<TokenPair> = []
    for (index, pair) in merges.enumerated() {
      let isToken = { (token: Int32) in lengths.indices.contains(Int(token)) }
      guard isToken(pair.first), isToken(pair.second), seen.insert(pair).inserted,
        case let length = lengths[Int(pair.first)] + lengths[Int(pair.second)],
        length <= WordParts.longest, lengths.count < VocabularyChoice.mostTokens
      else {
        throw FormatError(
          .malformed, file: fields.file,
          found: "\"merges[\(index)]\": [\(pair.first), \(pair.second)]",
          expected: "two earlier tokens, each pair once, of at most \(WordParts.longest) bytes "
            + "together, and at most \(VocabularyChoice.mostTokens) tokens")
      }
      lengths.append(length)
    }
    return merges
  }
}
