/// A file of a corpus.
public struct TextDocument: Equatable, Sendable {
  /// Its path in the folder of the corpus.
  public let path: String
  /// Its bytes.
  public let bytes: [UInt8]
  /// The bytes as tokens.
  public let text: TokenizedText
  /// Whether it is not learnt.
  public let isHeldOut: Bool
  /// The number of the first document with the same bytes: its own where there is no other.
  public let exactGroup: Int
  /// The number of the first document that it resembles, perhaps over others: its own where none.
  public let nearGroup: Int
}

/// A part of a document: an item.
public struct Passage: Equatable, Sendable {
  /// The number of the document.
  public let document: Int
  /// The tokens of the document, at most T + 1 of them: all but the last are inputs, all but the
  /// first are predicted.
  public let tokens: Range<Int>
  /// The bytes of the document.
  public let bytes: Range<Int>
  /// The number of the first passage with the same bytes: its own where there is no other.
  public let exactGroup: Int
  /// The number of the first passage that it resembles, perhaps over others: its own where none.
  public let nearGroup: Int

  /// The number of its tokens that are predicted.
  public var predictions: Int { tokens.count - 1 }
}

extension Passage {
  /// The ranges of tokens that a text is cut into.
  ///
  /// Each has at most `context` + 1 tokens and at least two. They start `stride` tokens apart; with a
  /// stride of the context every token but the first is predicted once. The last one ends with the
  /// text.
  ///
  /// - Precondition: 1 ≤ stride ≤ context.
  static func ranges(of tokens: Int, context: Int, stride: Int) -> [Range<Int>] {
    precondition((1...context).contains(stride), "a stride of \(stride) for \(context) positions")
    var ranges: [Range<Int>] = []
    var start = 0
    while start + 1 < tokens, ranges.last.map({ $0.upperBound < tokens }) ?? true {
      ranges.append(start..<min(start + context + 1, tokens))
      start += stride
    }
    return ranges
  }
}
