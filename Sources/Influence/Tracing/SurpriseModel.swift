#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How improbable a string is in the language of some documents.
public struct Surprise: Sendable, Equatable {
  /// −log₂ of the string's probability, in bits.
  public let bits: Double
  /// How often a text as long as the documents would contain the string by chance.
  public let expectedOccurrences: Double

  /// Bits and what they make of a text of some length.
  public init(bits: Double, expectedOccurrences: Double) {
    self.bits = bits
    self.expectedOccurrences = expectedOccurrences
  }
}

/// A Markov model of documents' bytes, of low order: what their language makes likely without having
/// read any one passage.
///
/// The probability of a byte c after the context h, its last k bytes, is smoothed with those of
/// shorter contexts h':
///
///     P(c | h) = (n(hc) + α P(c | h')) / (n(h) + α),    P(c) = (n(c) + α / 256) / (n + α)
///
/// with n(…) the occurrences in the documents (MacKay and Peto 1995, "A hierarchical Dirichlet
/// language model"). At the beginning of a string the context is as long as there are bytes.
///
/// A string that occurs in the documents is asked for with one of its occurrences left out of all
/// counts: a passage that stands there once is judged by the rest of the documents, and a phrase
/// that stands everywhere stays likely.
///
/// The expected number of occurrences of a string of m bytes and b bits is Σ_d max(0, n_d − m + 1)
/// 2^−b, over documents of n_d bytes.
///
/// The counts are taken from a suffix array, so the model needs no memory of its own.
public struct SurpriseModel: Sendable {
  /// k, the bytes that a byte depends on.
  public let order: Int
  /// α, the occurrences that the shorter context's estimate counts for.
  public let concentration: Double
  private let index: SuffixArray

  /// A model of indexed documents.
  public init(_ index: SuffixArray, order: Int = 3, concentration: Double = 4) {
    precondition(order >= 0 && concentration > 0)
    self.index = index
    self.order = order
    self.concentration = concentration
  }

  /// The surprise of a string.
  ///
  /// - Complexity: O(m k log n) for m bytes.
  public func surprise(of string: [UInt8]) -> Surprise {
    let isKnown = !string.isEmpty && index.count(of: string) > 0
    var own: [ArraySlice<UInt8>: Int] = [:]
    if isKnown {
      for length in 1...order + 1 where length <= string.count {
        for start in 0...string.count - length {
          own[string[start..<start + length], default: 0] += 1
        }
      }
    }
    var known: [ArraySlice<UInt8>: Double] = [:]
    func count(_ part: ArraySlice<UInt8>) -> Double {
      if let count = known[part] { return count }
      let all = index.count(of: part) - (part.isEmpty && isKnown ? string.count : 0)
      let count = Double(max(0, all - own[part, default: 0]))
      known[part] = count
      return count
    }
    var bits = 0.0
    for position in string.indices {
      var probability = 1.0 / 256
      for length in 0...min(order, position) {
        let context = string[position - length..<position]
        let both = string[position - length...position]
        probability =
          (count(both) + concentration * probability) / (count(context) + concentration)
      }
      bits -= log2(probability)
    }
    let places = (0..<index.documentCount).reduce(0.0) {
      $0 + Double(max(0, index.length($1) - string.count + 1))
    }
    return Surprise(bits: bits, expectedOccurrences: places * exp2(-bits))
  }
}
