/// A text as tokens that know their bytes.
public struct TokenizedText: Equatable, Sendable {
  /// The numbers of the tokens, 0 ..< V.
  public let tokens: [Int32]
  /// Where each token starts, and where the last one ends: one more than there are tokens.
  public let offsets: [Int32]

  /// Tokens of these numbers of bytes.
  init(tokens: [Int32], offsets: [Int32]) {
    self.tokens = tokens
    self.offsets = offsets
  }

  /// The number of tokens.
  public var count: Int { tokens.count }

  /// The bytes of some tokens that follow each other.
  public func bytes(of tokens: Range<Int>) -> Range<Int> {
    Int(offsets[tokens.lowerBound])..<Int(offsets[tokens.upperBound])
  }

  /// The bytes of a token.
  public func bytes(of token: Int) -> Range<Int> { bytes(of: token..<token + 1) }

  /// The tokens that share bytes with a range of bytes, empty for an empty range.
  ///
  /// - Complexity: O(log count).
  public func tokens(of bytes: Range<Int>) -> Range<Int> {
    let start = offsets.firstPlace { Int($0) > bytes.lowerBound } - 1
    let end = offsets.firstPlace { Int($0) >= bytes.upperBound }
    let low = min(max(start, 0), count)
    return bytes.isEmpty ? low..<low : low..<min(max(end, low), count)
  }
}

extension Array {
  /// The first place whose element has a property that all later ones have too; the end where none.
  fileprivate func firstPlace(where isLate: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isLate(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
