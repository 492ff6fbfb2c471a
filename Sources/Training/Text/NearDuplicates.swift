import TensorCore

/// Texts that resemble each other, found without comparing all pairs.
///
/// The similarity of two texts is the Jaccard index of their sets of eight-byte sequences, those of the
/// texts' normal forms: white space, case and typography apart. Each text has a signature: for each of 96 hash functions the least hash of its set, which
/// two sets share with a probability equal to their similarity J. Signatures are compared in 24 bands
/// of 4: a pair of which one band is the same is compared in full, and joined from the threshold on.
/// Groups are what joined pairs connect.
///
/// So no two texts are joined directly that are less similar than the threshold, and a pair of
/// similarity J shares a band with the probability 1 − (1 − J⁴)²⁴: 0.999997 for J = 0.8, 0.998 for
/// 0.7, 0.79 for 0.5. It is then found as long as fewer than 16 other texts of the band stand between
/// the two: in each band a text is compared with the last 16 before it. Where more share a band, a
/// pair may be missed, unless another band or the texts between connect the two. Equal texts are
/// always found.
///
/// Source: A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997; the bands:
/// A. Gionis, P. Indyk, R. Motwani, "Similarity search in high dimensions via hashing", VLDB 1999.
public struct NearDuplicates: Sendable {
  /// The least similarity of two texts that are joined.
  public let threshold: Double

  /// The similarity from which texts count as near copies where nothing else is said.
  public static let usualThreshold = 0.8

  static let bands = 24
  static let rows = 4
  /// The most comparisons of a text in one band.
  ///
  /// Where thousands of texts share a band without being similar, as lines of a form do, comparing
  /// all of them would take the square of their number. What this leaves out is said above.
  static let mostComparisons = 16
  /// Five standard errors of a similarity that is estimated from a signature.
  private static let slack = 0.25

  /// A search for texts at least this similar.
  ///
  /// - Precondition: The threshold is above 0 and at most 1.
  public init(threshold: Double = NearDuplicates.usualThreshold) {
    precondition(threshold > 0 && threshold <= 1, "a similarity of \(threshold)")
    self.threshold = threshold
  }

  /// The similarity of two texts, from 0 to 1.
  ///
  /// Exact for texts of up to 1,024 different shingles, within a standard error of 0.016 beyond.
  public static func similarity(_ a: [UInt8], _ b: [UInt8]) -> Double {
    Shingles(a[...]).similarity(to: Shingles(b[...]))
  }

  /// The group of each text: the number of its first member, which is the text's own if it has no like.
  ///
  /// - Complexity: O(n log n) in the bytes of different texts.
  public func groups(of texts: [ArraySlice<UInt8>]) -> [Int] {
    let exact = Self.exactGroups(of: texts)
    let different = texts.indices.filter { exact[$0] == $0 }
    let signatures = different.map { Signature(texts[$0]) }
    var joined = DisjointSets(texts.count)
    for (text, first) in exact.enumerated() { joined.join(text, first) }
    for band in 0..<Self.bands {
      var buckets: [SIMD4<UInt32>: [Int]] = [:]
      for (number, signature) in signatures.enumerated() {
        let key = signature.band(band)
        if let earlier = buckets[key]?.suffix(Self.mostComparisons) {
          compare(number, with: Array(earlier), signatures, different, texts, &joined)
        }
        buckets[key, default: []].append(number)
      }
    }
    return texts.indices.map { joined.first(of: $0) }
  }

  /// Joins a text with those of its band that are similar, from the last one on.
  private func compare(
    _ number: Int, with earlier: [Int], _ signatures: [Signature], _ different: [Int],
    _ texts: [ArraySlice<UInt8>], _ joined: inout DisjointSets
  ) {
    let text = different[number]
    var shingles: Shingles?
    for other in earlier.reversed() {
      let candidate = different[other]
      guard joined.first(of: text) != joined.first(of: candidate),
        signatures[number].similarity(to: signatures[other]) >= threshold - Self.slack
      else { continue }
      let own = shingles ?? Shingles(texts[text])
      shingles = own
      if own.similarity(to: Shingles(texts[candidate])) >= threshold {
        joined.join(text, candidate)
      }
    }
  }

  /// The first of the texts with the same bytes, for each text.
  public static func exactGroups(of texts: [ArraySlice<UInt8>]) -> [Int] {
    var first: [ArraySlice<UInt8>: Int] = [:]
    return texts.enumerated().map { number, text in
      if let earlier = first[text] { return earlier }
      first[text] = number
      return number
    }
  }
}

/// For each hash function the least hash of a text's shingles.
private struct Signature {
  private typealias Lanes = SIMD16<UInt32>

  private var least: [Lanes]

  private static let functions: [(offset: Lanes, factor: Lanes)] = {
    let stream = RandomStream(seed: 0, for: .signatures)
    let lanes = Lanes.scalarCount
    return (0..<NearDuplicates.bands * NearDuplicates.rows / lanes).map { group in
      var (offset, factor) = (Lanes(), Lanes())
      for lane in 0..<lanes {
        let bits = stream.bits(at: UInt64(group * lanes + lane))
        offset[lane] = UInt32(truncatingIfNeeded: bits >> 32)
        // Odd, so that no two hashes fall together.
        factor[lane] = UInt32(truncatingIfNeeded: bits) | 1
      }
      return (offset, factor)
    }
  }()

  init(_ text: ArraySlice<UInt8>) {
    least = Self.functions.map { _ in Lanes(repeating: .max) }
    let functions = Self.functions
    for hash in Shingles.all(text) {
      let hash = Lanes(repeating: UInt32(truncatingIfNeeded: hash >> 32))
      for (group, function) in functions.enumerated() {
        var value = (hash ^ function.offset) &* function.factor
        value ^= value &>> 15
        value = value &* 0x2c1b_3c6d
        least[group] = pointwiseMin(least[group], value)
      }
    }
  }

  func band(_ band: Int) -> SIMD4<UInt32> {
    let start = band * NearDuplicates.rows
    let lanes = Lanes.scalarCount
    return SIMD4((0..<4).map { least[(start + $0) / lanes][(start + $0) % lanes] })
  }

  /// The share of functions with the same least hash: an estimate of the similarity.
  func similarity(to other: Signature) -> Double {
    var same = 0
    for (a, b) in zip(least, other.least) {
      for lane in 0..<Lanes.scalarCount where a[lane] == b[lane] { same += 1 }
    }
    return Double(same) / Double(least.count * Lanes.scalarCount)
  }
}

/// Numbers in sets that are joined, each known by its least member.
private struct DisjointSets {
  private var parents: [Int]

  init(_ count: Int) { parents = Array(0..<count) }

  mutating func first(of number: Int) -> Int {
    var number = number
    while parents[number] != number {
      parents[number] = parents[parents[number]]
      number = parents[number]
    }
    return number
  }

  mutating func join(_ a: Int, _ b: Int) {
    let (a, b) = (first(of: a), first(of: b))
    parents[max(a, b)] = min(a, b)
  }
}
