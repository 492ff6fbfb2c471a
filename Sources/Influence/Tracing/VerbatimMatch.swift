/// Some bytes of an output that stand in the training documents to the letter.
public struct VerbatimMatch: Sendable, Equatable {
  /// The bytes of the output.
  public let bytes: Range<Int>
  /// Where they stand, in the order of the documents.
  public let places: [TextPlace]
  /// How improbable they are in the language of the documents.
  public let surprise: Surprise

  /// A match.
  public init(bytes: Range<Int>, places: [TextPlace], surprise: Surprise) {
    self.bytes = bytes
    self.places = places
    self.surprise = surprise
  }
}

extension SuffixArray {
  /// The longest matches of an output: those that are in no longer one, in their order.
  ///
  /// From each character on, the longest string that occurs in the documents is a match unless an
  /// earlier match contains it. Matches may overlap. They begin and end at characters of UTF-8.
  ///
  /// - Parameters:
  ///   - output: The bytes to look for.
  ///   - shortest: The fewest bytes of a match.
  ///   - model: What to judge surprise by.
  /// - Complexity: O(m l log n) for m bytes with matches of l bytes.
  public func longestMatches(
    in output: [UInt8], shortest: Int, model: SurpriseModel
  ) -> [VerbatimMatch] {
    var matches: [VerbatimMatch] = []
    var covered = 0
    for start in output.indices where output[start].beginsCharacter {
      var end = start + longestMatch(of: output[start...])
      while end > start, end < output.count, !output[end].beginsCharacter { end -= 1 }
      guard end > covered else { continue }
      covered = end
      guard end - start >= max(shortest, 1) else { continue }
      let string = Array(output[start..<end])
      matches.append(
        VerbatimMatch(
          bytes: start..<end, places: places(of: string), surprise: model.surprise(of: string)))
    }
    return matches
  }
}

extension UInt8 {
  /// Whether it is no continuation byte of UTF-8.
  fileprivate var beginsCharacter: Bool { self & 0xC0 != 0x80 }
}
