/// A place in a collection of documents.
public struct TextPlace: Sendable, Equatable {
  /// The number of the document.
  public let document: Int
  /// The bytes of it.
  public let bytes: Range<Int>

  /// Some bytes of a document.
  public init(document: Int, bytes: Range<Int>) {
    self.document = document
    self.bytes = bytes
  }
}

/// An index of documents in which any string of bytes is found in logarithmic time.
///
/// The documents stand one after another, each closed by a byte 0, and the index is the order of all
/// suffixes (Manber and Myers 1993). No match contains a byte 0, so none goes from one document into
/// the next.
///
/// The index takes 5 bytes of memory for each byte of the documents, and up to 9 while it is made.
public struct SuffixArray: Sendable {
  /// The documents, each closed by a byte 0.
  private let text: [UInt8]
  /// Where each document begins in `text`, and where the next one would.
  private let starts: [Int]
  private let suffixes: [Int32]

  /// The most bytes that the documents may have, one more counted for each document.
  public static let mostBytes = Int(Int32.max)

  /// Indexes documents.
  ///
  /// - Returns: Nil where there are more than ``mostBytes``.
  /// - Complexity: O(n) for n bytes.
  public init?(documents: some Sequence<[UInt8]>) {
    var text: [UInt8] = []
    var starts = [0]
    for document in documents {
      guard document.count < Self.mostBytes - text.count else { return nil }
      text += document
      text.append(0)
      starts.append(text.count)
    }
    self.text = text
    self.starts = starts
    suffixes = [Int32](unsafeUninitializedCapacity: text.count) { suffixes, count in
      text.withUnsafeBufferPointer { text in
        guard let text = text.baseAddress, let base = suffixes.baseAddress else { return }
        InducedSorting.sort(text, count: suffixes.count, alphabet: 256, into: base)
      }
      count = text.count
    }
  }

  /// The number of documents.
  public var documentCount: Int { starts.count - 1 }

  /// The bytes of all documents.
  public var byteCount: Int { text.count - documentCount }

  /// The number of bytes of a document.
  public func length(_ document: Int) -> Int { starts[document + 1] - starts[document] - 1 }

  /// How often a string occurs, overlapping occurrences included.
  ///
  /// - Complexity: O(m log n) for m bytes; the empty string occurs once at each byte.
  public func count(of string: some RandomAccessCollection<UInt8>) -> Int {
    string.isEmpty ? byteCount : range(of: string).count
  }

  /// All places of a string, in the order of the documents.
  public func places(of string: some RandomAccessCollection<UInt8>) -> [TextPlace] {
    guard !string.isEmpty else { return [] }
    return suffixes[range(of: string)].sorted().map { position in
      let document = document(at: Int(position))
      let start = Int(position) - starts[document]
      return TextPlace(document: document, bytes: start..<start + string.count)
    }
  }

  /// The number of bytes at the beginning of a string that occur somewhere.
  ///
  /// - Complexity: O(m log n) for a match of m bytes.
  public func longestMatch(of string: some RandomAccessCollection<UInt8>) -> Int {
    let pattern = Array(string.prefix { $0 != 0 })
    let place = firstSuffix { compare($0, pattern) != .isLess }
    // What shares most with the string stands beside where it would be.
    return [place - 1, place].filter(suffixes.indices.contains)
      .map { shared(suffixes[$0], pattern) }.max() ?? 0
  }

  // MARK: Search

  private enum Comparison {
    case isLess, beginsWithIt, isGreater
  }

  /// The ranks of the suffixes that begin with a string.
  private func range(of string: some RandomAccessCollection<UInt8>) -> Range<Int> {
    let pattern = Array(string)
    guard !pattern.isEmpty, !pattern.contains(0) else { return 0..<0 }
    let first = firstSuffix { compare($0, pattern) != .isLess }
    let last = firstSuffix { compare($0, pattern) == .isGreater }
    return first..<last
  }

  /// The first rank whose suffix, and those of all later ranks, are as said.
  private func firstSuffix(where isReached: (Int32) -> Bool) -> Int {
    var (low, high) = (0, suffixes.count)
    while low < high {
      let middle = low + (high - low) / 2
      if isReached(suffixes[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// How a suffix compares with a string without a byte 0.
  private func compare(_ suffix: Int32, _ pattern: [UInt8]) -> Comparison {
    let same = shared(suffix, pattern)
    if same == pattern.count { return .beginsWithIt }
    return text[Int(suffix) + same] < pattern[same] ? .isLess : .isGreater
  }

  /// The bytes that the beginnings of a suffix and of a string without a byte 0 share.
  private func shared(_ suffix: Int32, _ pattern: [UInt8]) -> Int {
    // The text ends with a 0, which the pattern does not contain.
    var same = 0
    while same < pattern.count, text[Int(suffix) + same] == pattern[same] { same += 1 }
    return same
  }

  private func document(at position: Int) -> Int {
    var (low, high) = (0, documentCount)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= position { low = middle } else { high = middle }
    }
    return low
  }
}
